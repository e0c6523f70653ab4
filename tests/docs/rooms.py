#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""rooms.py SOURCE_DIR: CONTRIBUTING's table of folders names each room, and no folder that is gone.

A folder of a room that is divided (SPLIT) is a room, too. In the table, the second and further
names of a row lie beside the first.
"""
import os
import re
import sys

SPLIT = ('libwpp', 'backends', 'user-glue', 'kernel-glue', 'firmware-glue', 'control', 'tools')
ENDS = ('.c', '.h', '.S')


def named(text):
    rooms = set()
    for row in re.findall(r'^\| (`.*?) \|', text, re.M):
        names = re.findall(r'`([^`]+)`', row)
        rooms.add(names[0])
        rooms.update(os.path.join(os.path.dirname(names[0]), name) for name in names[1:])
    return rooms


def room_of(folder):
    parts = folder.split('/')
    if folder.startswith('libwpp/include/'):
        return 'libwpp/include/wpp'
    return '/'.join(parts[:2] if parts[0] in SPLIT else parts[:1])


def found(source):
    rooms = set()
    for folder, below, files in os.walk(source):
        below[:] = [name for name in below if not name.startswith(('.', 'build'))]
        name = os.path.relpath(folder, source)
        if name != '.' and any(file.endswith(ENDS) for file in files):
            rooms.add(room_of(name))
    return rooms


def main(source):
    with open(os.path.join(source, 'CONTRIBUTING.md'), encoding='utf-8') as file:
        table = named(file.read())
    lacking = sorted(found(source) - table)
    gone = sorted(name for name in table if not os.path.isdir(os.path.join(source, name)))
    for name in lacking:
        print(f'CONTRIBUTING.md: {name} is not in the table of folders')
    for name in gone:
        print(f'CONTRIBUTING.md: {name} is not there any more')
    print(f'{len(table)} folders')
    return 1 if lacking or gone or not table else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
