#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""sections.py SOURCE_DIR: each section that is cited ("DESIGN.md 3.2, 4") is there."""
import os
import re
import sys

DOCUMENTS = ('DESIGN', 'FORMAT', 'FPGA')
NUMBER = r'\d+(?:\.\d+)*'
CITED = re.compile(rf'({"|".join(DOCUMENTS)})\.md\s+(?:\*\s+)?({NUMBER}(?:, {NUMBER})*)')
ENDS = ('.c', '.h', '.S', '.py', '.md', '.txt', '.map')


def sections(source):
    found = {}
    for name in DOCUMENTS:
        with open(os.path.join(source, 'docs', name + '.md'), encoding='utf-8') as file:
            found[name] = set(re.findall(rf'^#+ ({NUMBER})', file.read(), re.M))
    return found


def sources(source):
    for folder, below, files in os.walk(source):
        below[:] = [name for name in below if not name.startswith(('.git', 'build'))]
        yield from (os.path.join(folder, name) for name in files if name.endswith(ENDS))


def main(source):
    known, cited, gone = sections(source), 0, 0
    for path in sources(source):
        with open(path, encoding='utf-8', errors='replace') as file:
            text = file.read()
        for match in CITED.finditer(text):
            for number in re.findall(NUMBER, match[2]):
                cited += 1
                if number not in known[match[1]]:
                    line = text.count('\n', 0, match.start()) + 1
                    print(f'{os.path.relpath(path, source)}:{line}: no {match[1]}.md {number}')
                    gone += 1
    print(f'{cited} citations')
    return 1 if gone or not cited else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
