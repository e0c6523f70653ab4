#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The comments of the public headers: read them, and say what one of them lacks.

  scripts/kerneldoc.py HEADER...   exit 1 if a function or type is not documented as
                                   CONTRIBUTING.md wants it

A comment is kernel-doc: "name() - what it does", a line "@parameter: ..." for each parameter, the
promise, then "Context:", "Return:" (unless the function returns nothing) and "Source:".
"""
import re
import sys
from dataclasses import dataclass, field

SECTIONS = ('Context', 'Return', 'Source')
ITEM = re.compile(r'''
      (?P<doc>/\*\*\s.*?\*/)
    | (?P<comment>/\*.*?\*/)
    | ^(?P<func>WPP_API\b[^;{]*);
    | ^(?P<kind>struct|enum)\s+(?P<name>wpp_\w+)\s*\{(?P<body>.*?)^\}
    ''', re.S | re.M | re.X)


@dataclass
class Doc:
    """One comment, taken apart."""
    name: str = ''
    what: str = ''
    params: dict = field(default_factory=dict)
    text: list = field(default_factory=list)      # paragraphs
    sections: dict = field(default_factory=dict)


@dataclass
class Item:
    """A function or type of a header."""
    header: str
    line: int
    kind: str                                     # function, struct, enum
    name: str
    doc: Doc = None
    code: str = ''                                # as declared, without attributes
    params: list = field(default_factory=list)    # names of parameters, members, enumerators
    notes: dict = field(default_factory=dict)     # enumerator: the comment beside it
    returns: str = ''


def squeeze(text):
    return ' '.join(text.split())


def parse_doc(comment):
    lines = [re.sub(r'^\s*\*? ?', '', line).rstrip()
             for line in comment[3:-2].strip().split('\n')]
    doc, target, paragraph = Doc(), 'head', []
    head = []
    for line in lines + ['']:
        param = re.match(r'@(\w+): *(.*)', line)
        section = re.match(r'(%s): *(.*)' % '|'.join(SECTIONS), line)
        if param:
            target = ('param', param[1])
            doc.params[param[1]] = param[2]
        elif section:
            target = ('section', section[1])
            doc.sections[section[1]] = section[2]
        elif not line:
            if paragraph:
                doc.text.append(squeeze(' '.join(paragraph)))
            target, paragraph = 'text', []
        elif target == 'head':
            head.append(line)
        elif target == 'text':
            paragraph.append(line)
        elif target[0] == 'param':
            doc.params[target[1]] += ' ' + line
        else:
            doc.sections[target[1]] += ' ' + line
    for table in (doc.params, doc.sections):
        for key in table:
            table[key] = squeeze(table[key])
    title = re.match(r'(?:struct |enum )?(\w+)(?:\(\))? - (.*)', squeeze(' '.join(head)))
    if title:
        doc.name, doc.what = title[1], title[2]
    return doc


def split_commas(text):
    """At the commas that stand in no bracket."""
    parts, depth = [''], 0
    for char in text:
        depth += (char in '([{') - (char in ')]}')
        if char == ',' and not depth:
            parts.append('')
        else:
            parts[-1] += char
    return [squeeze(part) for part in parts if part.strip()]


def declared_name(declaration):
    """Of "const struct a *const b[3]" or "int (*b)(int)": b."""
    pointer = re.search(r'\(\*\s*(?:const\s+)?(\w+)', declaration)
    return pointer[1] if pointer else re.findall(r'\w+', re.sub(r'\[.*?\]', '', declaration))[-1]


def parse_function(item, code):
    item.code = squeeze(re.sub(r'\bWPP_(API|MUST_CHECK)\b', '', code))
    before, arguments = re.match(r'([^(]*)\((.*)\)$', item.code).groups()
    item.name = re.findall(r'\w+', before)[-1]
    item.returns = before[:before.rindex(item.name)].strip()
    if arguments != 'void':
        item.params = [declared_name(argument) for argument in split_commas(arguments)]


def parse_struct(item, body):
    body = re.split(r'/\* private: \*/', body)[0]
    item.code = re.sub(r'[ \t]*/\*.*?\*/', '', body, flags=re.S).strip('\n')
    for declaration in re.sub(r'/\*.*?\*/', '', body, flags=re.S).split(';'):
        for part in split_commas(declaration):
            if part and declared_name(part) != 'reserved':
                item.params.append(declared_name(part))


def parse_enum(item, body):
    item.code = body.strip('\n')
    for match in re.finditer(r'(WPP\w+)(?:\s*=[^,/]*)?,?[ \t]*(?:/\*(.*?)\*/)?', body, re.S):
        item.params.append(match[1])
        if match[2]:
            item.notes[match[1]] = squeeze(re.sub(r'\n\s*\*', ' ', match[2]))


def parse(path):
    """All functions and types of a header, in order."""
    with open(path, encoding='utf-8') as file:
        text = file.read()
    header = re.sub(r'.*(?=wpp/[^/]*$)', '', path)
    items, doc, doc_end = [], None, 0
    for match in ITEM.finditer(text):
        if match['doc'] or match['comment']:
            doc, doc_end = match['doc'] and parse_doc(match['doc']), match.end()
            continue
        item = Item(header, text.count('\n', 0, match.start()) + 1,
                    match['kind'] or 'function', match['name'] or '')
        if doc and not text[doc_end:match.start()].strip():
            item.doc = doc
        if match['func']:
            parse_function(item, match['func'])
        elif match['kind'] == 'struct':
            parse_struct(item, match['body'])
        elif '#' in match['body']:
            continue                              # made by a macro, which has the words
        else:
            parse_enum(item, match['body'])
        items.append(item)
    return items


def faults(item):
    """What the comment lacks, one text each."""
    doc = item.doc
    if not doc:
        return ['no comment right above it']
    found = []
    if doc.name != item.name or not doc.what:
        found.append('the comment does not begin with its name and what it is')
    for name in item.params:
        if not doc.params.get(name) and not item.notes.get(name):
            found.append(f'@{name} is missing')
    for name in doc.params:
        if name not in item.params and name != 'reserved':
            found.append(f'@{name} does not exist')
    if item.kind != 'function':
        return found
    for name in SECTIONS:
        wanted = name != 'Return' or item.returns != 'void'
        if wanted and not doc.sections.get(name):
            found.append(f'{name}: is missing')
        elif not wanted and name in doc.sections:
            found.append(f'{name}: of a function that returns nothing')
    return found


def main(paths):
    bad = functions = 0
    for path in paths:
        for item in parse(path):
            functions += item.kind == 'function'
            for fault in faults(item):
                print(f'{item.header}:{item.line}: {item.name}: {fault}')
                bad += 1
    if not functions:
        print('kerneldoc: no function found')
        return 1
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
