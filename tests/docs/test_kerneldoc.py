#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""scripts/kerneldoc.py finds what a comment lacks, scripts/man3.py makes a page of a whole one."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '../../scripts'))
import kerneldoc  # noqa: E402
import man3  # noqa: E402

WHOLE = '''/* SPDX */
/**
 * wpp_thing_put() - put bytes
 *                   into a thing
 * @thing: borrowed.
 * @data:  in, [@nr] bytes;
 *         any alignment.
 * @done:  runs later; may be NULL.
 * @nr:    bytes.
 *
 * The first paragraph of @data.
 *
 * See wpp_thing_get().
 * Context: any thread.
 * Return:  0;
 *          WPP_EINVAL.
 * Source:  DESIGN.md 3.
 */
WPP_API WPP_MUST_CHECK int wpp_thing_put(struct wpp_thing *thing, const void *const data[],
					 void (*done)(void *arg, int err), uint32_t nr);
'''
STRUCT = '''/**
 * struct wpp_thing - a thing
 * @len: bytes.
 * @name: NUL-terminated.
 */
struct wpp_thing {
	uint64_t len;
	char name[16];
	uint32_t reserved[2];
	/* private: */
	int secret;
};
'''
ENUM = '''/** enum wpp_kind - what a thing can be */
enum wpp_kind {
	WPP_KIND_A = 1, /* one, or
			 * more */
	WPP_KIND_B = 1u << 2, /* two */
};
'''


def parse(text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'wpp')
        os.mkdir(path)
        path = os.path.join(path, 'thing.h')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        return kerneldoc.parse(path)


def faults(text):
    return [fault for item in parse(text) for fault in kerneldoc.faults(item)]


class Whole(unittest.TestCase):
    def test_function(self):
        item, = parse(WHOLE)
        self.assertEqual((item.header, item.line, item.kind), ('wpp/thing.h', 19, 'function'))
        self.assertEqual(item.params, ['thing', 'data', 'done', 'nr'])
        self.assertEqual(item.returns, 'int')
        self.assertEqual(item.doc.what, 'put bytes into a thing')
        self.assertEqual(item.doc.params['data'], 'in, [@nr] bytes; any alignment.')
        self.assertEqual(item.doc.text, ['The first paragraph of @data.', 'See wpp_thing_get().'])
        self.assertEqual(item.doc.sections['Return'], '0; WPP_EINVAL.')
        self.assertEqual(kerneldoc.faults(item), [])

    def test_types(self):
        thing, kind = parse(STRUCT + ENUM)
        self.assertEqual(thing.params, ['len', 'name'])
        self.assertEqual(kind.params, ['WPP_KIND_A', 'WPP_KIND_B'])
        self.assertEqual(kind.notes['WPP_KIND_A'], 'one, or more')
        self.assertEqual(kerneldoc.faults(thing) + kerneldoc.faults(kind), [])

    def test_exit_code(self):
        with tempfile.NamedTemporaryFile('w', suffix='.h') as file:
            file.write(WHOLE)
            file.flush()
            self.assertEqual(kerneldoc.main([file.name]), 0)
            file.truncate(0)
            self.assertEqual(kerneldoc.main([file.name]), 1)


class Lacking(unittest.TestCase):
    def lacks(self, text, *expected):
        self.assertEqual(faults(text), list(expected))

    def test_no_comment(self):
        code = WHOLE[WHOLE.index('WPP_API'):]
        self.lacks(code, 'no comment right above it')
        self.lacks('/* plain */\n' + code, 'no comment right above it')
        self.lacks(WHOLE.replace('*/\nWPP_API', '*/\n#define X 1\nWPP_API'),
                   'no comment right above it')

    def test_one_comment_for_two(self):
        self.lacks(WHOLE + 'WPP_API void wpp_thing_drop(void);\n', 'no comment right above it')

    def test_name(self):
        self.lacks(WHOLE.replace('wpp_thing_put() -', 'wpp_thing_get() -'),
                   'the comment does not begin with its name and what it is')

    def test_parameters(self):
        self.lacks(WHOLE.replace('@nr:    bytes.', '@nr:'), '@nr is missing')
        self.lacks(WHOLE.replace('@nr: ', '@number: '), '@nr is missing', '@number does not exist')

    def test_sections(self):
        for name in kerneldoc.SECTIONS:
            self.lacks(WHOLE.replace(name + ':', 'That is'), name + ': is missing')

    def test_void(self):
        self.lacks(WHOLE.replace('WPP_MUST_CHECK int', 'void'),
                   'Return: of a function that returns nothing')

    def test_pointer_is_returned(self):
        text = WHOLE.replace('WPP_MUST_CHECK int ', 'void *').replace('Return:', 'Back:')
        self.lacks(text, 'Return: is missing')

    def test_types(self):
        self.lacks(STRUCT.replace('@len', '@length'), '@len is missing', '@length does not exist')
        self.lacks(ENUM.replace(' /* two */', ''), '@WPP_KIND_B is missing')


class Page(unittest.TestCase):
    def test_function(self):
        item, = parse(WHOLE.replace('The first', '.The first'))
        text = man3.page(item, '1.2', {'wpp_thing_put': '3', 'wpp_thing_get': '3'})
        for line in ('.SH NAME\nwpp_thing_put \\- put bytes into a thing\n',
                     '.B #include <wpp/thing.h>\n',
                     '\n.I data\nin, [\\fInr\\fP] bytes; any alignment.\n',
                     '.SH DESCRIPTION\n\\&.The first paragraph of \\fIdata\\fP.\n',
                     '.SH RETURN VALUE\n0; WPP_EINVAL.\n',
                     '.SH SEE ALSO\n.BR wpp_thing_get (3),\n.BR wpp (1)\n'):
            self.assertIn(line, text)


if __name__ == '__main__':
    unittest.main()
