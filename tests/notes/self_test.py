#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""names.py finds names on every way that they take, and says what is missing on either side."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).with_name("names.py")
CODE = """
#define info(fs, ...) wppi_note((fs)->n, KIND, __VA_ARGS__)
static const struct {
	const char *link, *name;
} strangers[] = {
	{ "link", "in-table" },
};
/* wppi_refuse(n, "in-comment", ""); */
static const char *named(int x)
{
	return x ? "returned" : "returned-too";
}
static void refuse(struct n *n, const char *name)
{
	wppi_refuse(n, name, "a (text), with \\"brackets");
}
static void f(struct n *n, int a)
{
	const char *name = "assigned";

	wppi_note(n, KIND, a == 1 ? "direct" : "direct-too", "%d", a);
	wppi_refuse(n, name, "");
	wppi_refuse(n, strangers[a].name, "");
	wppi_refuse(n, named(a), "");
	refuse(n, "through");
	info(n, "by-macro", "text");
}
"""
NAMES = ["in-table", "returned", "returned-too", "assigned", "direct", "direct-too", "through",
         "by-macro"]


def limits(names):
    return "| name | what |\n|---|---|\n" + "".join(f"| `{n}` | what |\n" for n in names)


class Names(unittest.TestCase):
    def run_on(self, names, code=CODE):
        with tempfile.TemporaryDirectory() as work:
            text, source = pathlib.Path(work, "LIMITS.md"), pathlib.Path(work, "code.c")
            text.write_text(limits(names))
            source.write_text(code)
            done = subprocess.run([sys.executable, SCRIPT, text, work], text=True,
                                  stdout=subprocess.PIPE, check=False)
        return done.returncode, done.stdout

    def test_all_ways(self):
        self.assertEqual(self.run_on(NAMES)[0], 0, self.run_on(NAMES)[1])

    def test_each_that_is_missing_in_the_text(self):
        for name in NAMES:
            status, out = self.run_on([n for n in NAMES if n != name])
            self.assertEqual(status, 1)
            self.assertRegex(out, rf"(?m)^{name}: in .*code\.c, not in ")

    def test_missing_in_the_code(self):
        status, out = self.run_on([*NAMES, "in-comment"])
        self.assertEqual(status, 1)
        self.assertRegex(out, r"(?m)^in-comment: .* not in the code")

    def test_argument_that_leads_nowhere(self):
        status, out = self.run_on(NAMES, CODE.replace("named(a)", "n->text + 4"))
        self.assertEqual(status, 1)
        self.assertIn("where does this name come from?", out)


if __name__ == "__main__":
    unittest.main()
