#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""check_tables.py PROGRAM FORMAT.md [--write]

FORMAT.md has the tables of all record types between two marks, exactly as PROGRAM prints them from
the schema that the library is built with. --write puts them there.
"""
import difflib
import pathlib
import subprocess
import sys

BEGIN, END = "<!-- schema: written by tests/unit/record/check_tables.py --write -->\n", "<!-- end -->\n"


def main():
    program, path = sys.argv[1], pathlib.Path(sys.argv[2])
    tables = subprocess.run([program], check=True, text=True, stdout=subprocess.PIPE).stdout
    before, rest = path.read_text().split(BEGIN)
    found, after = rest.split(END)
    wanted = f"\n{tables}\n"
    if sys.argv[3:] == ["--write"]:
        path.write_text(before + BEGIN + wanted + END + after)
    elif found != wanted:
        sys.stdout.writelines(difflib.unified_diff(found.splitlines(True), wanted.splitlines(True),
                                                   path.name, "the schema"))
        sys.exit(f"{path.name} and the schema differ: run check_tables.py with --write")


main()
