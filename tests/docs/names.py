#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""names.py SOURCE_DIR: each file and folder that a document names is there.

A name is "something.c" (or of another source's ending), or a path that begins with a folder of the
tree; with * as a shell takes it; from the top or from any folder.
"""
import fnmatch
import glob
import os
import re
import sys

FOLDERS = ('libwpp', 'backends', 'user-glue', 'kernel-glue', 'control', 'tools', 'tests', 'scripts',
           'examples', 'bench', 'docs')
NAME = re.compile(r'[\w.*/-]+\.(?:c|h|S|py|sh|md|cmake)\b|\b(?:%s)/[\w.*/-]+' % '|'.join(FOLDERS))


def tree(source):
    paths = []
    for folder, below, files in os.walk(source):
        below[:] = [name for name in below if not name.startswith(('.git', 'build'))]
        paths += [os.path.relpath(os.path.join(folder, name), source) for name in below + files]
    return paths


def is_there(name, paths):
    return any(fnmatch.fnmatch(path, name) or fnmatch.fnmatch(path, '*/' + name) for path in paths)


def main(source):
    paths, seen, gone = tree(source), set(), 0
    for document in glob.glob(f'{source}/*.md') + glob.glob(f'{source}/docs/*.md'):
        with open(document, encoding='utf-8') as file:
            lines = file.read().split('\n')
        for number, line in enumerate(lines, 1):
            for name in (match.rstrip('/.') for match in NAME.findall(line)):
                seen.add(name)
                if not is_there(name, paths):
                    print(f'{os.path.relpath(document, source)}:{number}: {name} is not there')
                    gone += 1
    print(f'{len(seen)} names')
    return 1 if gone or not seen else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
