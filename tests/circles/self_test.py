#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""circles.py finds circles and nothing else: self_test.py CC"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CC = sys.argv.pop(1)
SCRIPT = pathlib.Path(__file__).with_name("circles.py")


class Circles(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.TemporaryDirectory()
        self.addCleanup(self.work.cleanup)

    def run_on(self, sources, *options):
        """{name: C text} -> exit status, what was printed."""
        paths = []
        for name, text in sources.items():
            path = pathlib.Path(self.work.name, "room/CMakeFiles/room.dir", name + ".c.o")
            path.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([CC, "-O0", "-x", "c", "-c", "-", "-o", path], input=text, text=True,
                           check=True)
            paths.append(path)
        done = subprocess.run([sys.executable, SCRIPT, *options, *paths], text=True,
                              stdout=subprocess.PIPE, check=False)
        return done.returncode, done.stdout

    def test_two_files(self):
        status, out = self.run_on({
            "a": "int b(void); int a(void) { return b(); }",
            "b": "int a(void); int b(void) { return a(); }",
            "c": "int a(void); int c(void) { return a(); }",
        })
        self.assertEqual(status, 1)
        self.assertIn("circle of 2 files:\n  a -> b  (b)\n  b -> a  (a)\n", out)
        self.assertIn("3 files, 2 of them in circles", out)

    def test_three_files_through_data_and_a_table(self):
        status, out = self.run_on({
            "a": "extern int b; int *a(void) { return &b; }",
            "b": "int c(void); int b; int (*b_table[])(void) = { c };",
            "c": "int *a(void); int c(void) { return *a(); }",
        })
        self.assertEqual(status, 1)
        self.assertIn("circle of 3 files:\n  a -> b  (b)\n  b -> c  (c)\n  c -> a  (a)\n", out)

    def test_shortest_circle_comes_first(self):
        status, out = self.run_on({
            "a": "int b(void); int a(void) { return b(); }",
            "b": "int c(void); int b(void) { return c(); }",
            "c": "int a(void), d(void); int c(void) { return a() + d(); }",
            "d": "int c(void); int d(void) { return c(); }",
        })
        self.assertEqual(status, 1)
        self.assertLess(out.index("circle of 2"), out.index("circle of 3"))

    def test_one_way_is_no_circle(self):
        status, out = self.run_on({
            "a": "int b(void), c(void); int a(void) { return b() + c(); }",
            "b": "int c(void); int b(void) { return c(); }",
            "c": "int c(void) { return 0; }",
        })
        self.assertEqual((status, out.count("circle of")), (0, 0))

    def test_statics_of_one_name_are_no_circle(self):
        status, _ = self.run_on({
            "a": "int b(void); static int help(void) { return 1; } int a(void) { return b() + help(); }",
            "b": "static int help(void) { return 2; } int b(void) { return help(); }",
        })
        self.assertEqual(status, 0)

    def test_weak_gives_way_to_strong(self):
        sources = {
            "a": "int b(void), hook(void); __attribute__((weak)) int hook(void) { return 0; } "
                 "int a(void) { return b(); }",
            "b": "int hook(void); int b(void) { return hook(); }",
        }
        self.assertEqual(self.run_on(sources)[0], 1)
        sources["c"] = "int hook(void) { return 1; }"
        self.assertEqual(self.run_on(sources)[0], 0)

    def test_folders(self):
        sources = {
            "up/a": "int b(void); int a(void) { return b(); }",
            "down/b": "int b(void) { return 0; }",
            "down/c": "int d(void); int c(void) { return d(); }",
            "up/d": "int d(void) { return 0; }",
        }
        status, out = self.run_on(sources)
        self.assertEqual(status, 1)
        self.assertIn("4 files, 0 of them in circles", out)
        self.assertIn("circle of 2 folders:\n  down/ -> up/  (d)\n  up/ -> down/  (b)\n", out)
        self.assertEqual(self.run_on(sources, "--files")[0], 0)

    def test_a_file_beside_folders_counts_for_itself(self):
        sources = {
            "main": "int b(void); int main(void) { return b(); }",
            "down/b": "int log(void); int b(void) { return log(); }",
            "log": "int log(void) { return 0; }",
        }
        self.assertEqual(self.run_on(sources)[0], 0)


if __name__ == "__main__":
    unittest.main()
