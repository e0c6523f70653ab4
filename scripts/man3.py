#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Manual pages out of the comments of the public headers.

  scripts/man3.py VERSION OUT HEADER...   OUT/FUNCTION.3 and OUT/TYPE.3type, anew
"""
import os
import re
import sys
import textwrap
import time

import kerneldoc

WIDTH = 78                                        # of a line


def escape(text):
    return text.replace('\\', '\\e').replace('-', '\\-')


def prose(text):
    """Parameters in italics, functions in bold, in lines that no macro begins."""
    text = re.sub(r'(?<!\w)(\*?)@(\w+)', r'\1\\fI\2\\fP', escape(text))
    text = re.sub(r'\b(wpp_\w+)\(\)', r'\\fB\1\\fP(3)', text)
    lines = textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    return '\n'.join('\\&' + line if line[0] in ".'" else line for line in lines)


def date():
    """Of the build; SOURCE_DATE_EPOCH makes it the same for everybody."""
    now = int(os.environ.get('SOURCE_DATE_EPOCH', time.time()))
    return time.strftime('%Y-%m-%d', time.gmtime(now))


def prototype(item):
    """As a C programmer writes it, broken between arguments."""
    before, arguments = re.match(r'([^(]*\()(.*\))$', item.code).groups()
    lines, line = [], before
    for part in re.findall(r'[^,]+,?', arguments):
        part = part.strip()
        if len(line) + len(part) > WIDTH - 1 and line != before:
            lines.append(line.rstrip())
            line = '    '
        line += part + ' '
    lines.append(line.rstrip() + ';')
    return lines


def synopsis(item):
    if item.kind == 'function':
        lines = prototype(item)
    else:
        lines = [f'{item.kind} {item.name} {{', *item.code.expandtabs(8).split('\n'), '};']
    return ['.nf', f'.B #include <{item.header}>', '.PP',
            *['\\fB' + escape(line) + '\\fP' for line in lines], '.fi']


def entries(item):
    page = []
    for name in item.params:
        text = item.doc.params.get(name) or item.notes.get(name, '')
        page += ['.TP', f'.I {name}', prose(text)]
    return page


def sentence(text):
    """As one begins, unless a name stands there."""
    return text if text.startswith('wpp_') else text[0].upper() + text[1:]


def description(item):
    paragraphs = item.doc.text or [sentence(item.doc.what) + '.']
    page = [prose(paragraphs[0])]
    for text in paragraphs[1:]:
        page += ['.PP', prose(text)]
    return page


def related(item, known):
    """What else has a page, of what the declaration and the comment name."""
    words = [item.code, *item.doc.text, *item.doc.params.values(), *item.doc.sections.values()]
    names = sorted(set(re.findall(r'\bwpp_\w+', ' '.join(words))) & set(known) - {item.name})
    names = [f'.BR {name} ({known[name]})' for name in names] + ['.BR wpp (1)']
    return [name + ',' for name in names[:-1]] + [names[-1]]


def page(item, version, known):
    titles = {'Context': 'CONTEXT', 'Return': 'RETURN VALUE', 'Source': 'SOURCE'}
    lines = ['.\\" SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only',
             f'.\\" Made from {item.header}; change that.',
             f'.TH {item.name.upper()} {known[item.name]} {date()} "libwpp {version}" "libwpp"',
             '.SH NAME', f'{item.name} \\- {escape(item.doc.what)}',
             '.SH SYNOPSIS', *synopsis(item)]
    if item.params:
        lines += ['.SH PARAMETERS' if item.kind == 'function' else '.SH MEMBERS', *entries(item)]
    lines += ['.SH DESCRIPTION', *description(item)]
    for name in kerneldoc.SECTIONS:
        if name in item.doc.sections:
            lines += ['.SH ' + titles[name], prose(sentence(item.doc.sections[name]))]
    return '\n'.join([*lines, '.SH SEE ALSO', *related(item, known)]) + '\n'


def main(version, out, headers):
    items = [item for header in headers for item in kerneldoc.parse(header) if item.doc]
    known = {item.name: '3type' for item in items}
    known.update((item.name, '3') for item in items if item.kind == 'function')
    os.makedirs(out, exist_ok=True)
    for old in os.listdir(out):
        os.remove(os.path.join(out, old))
    for item in items:
        section = '3' if item.kind == 'function' else '3type'
        path = os.path.join(out, f'{item.name}.{section}')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(page(item, version, {**known, item.name: section}))


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
