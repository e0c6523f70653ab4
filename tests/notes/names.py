#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Every name of a note stands in docs/LIMITS.md, and every name there is one of the code's:
names.py LIMITS.md FOLDER...

A name is the argument of one of SINKS, or the name in a struct wpp_note. It is followed back to its texts: through parameters to all
callers, through variables to what is assigned, through functions to what they return, through
members to the tables of that struct. An argument that leads nowhere is an error.
"""
import collections
import pathlib
import re
import sys

SINKS = {  # function: which argument is the name
    "wppi_note": 2, "wppi_child_note": 2, "wppi_refuse": 1, "wppi_message_send": 3,
    "wppk_note": 1, "wppk_refuse": 1,
}
CARRIERS = {"message"}  # structs that hand on a name that was given to a sink
HANDS_ON = {"say_notes", "tell_notes"}  # functions that do
LITERAL = r'"(?:[^"\\\n]|\\.)*"'
Function = collections.namedtuple("Function", "where name params body")


def without_comments(text):
    def blank(match):
        return match[0] if match[0][0] in "\"'" else re.sub(r"[^\n]", " ", match[0])
    return re.sub(rf"{LITERAL}|'(?:[^'\\\n]|\\.)+'|/\*.*?\*/|//[^\n]*", blank, text, flags=re.S)


def split(text, separators):
    """At separators outside of parentheses and strings: [(separator before it, part)]."""
    parts, depth, start, before = [], 0, 0, ""
    for match in re.finditer(rf"{LITERAL}|'(?:[^'\\]|\\.)+'|.", text, flags=re.S):
        c = match[0]
        depth += (c in "([{") - (c in ")]}")
        if depth == 0 and c in separators:
            parts.append((before, text[start:match.start()].strip()))
            start, before = match.end(), c
    parts.append((before, text[start:].strip()))
    return parts


def inside(text, at):
    """What stands between the bracket at @at and the one that closes it."""
    depth = 0
    for match in re.finditer(rf"{LITERAL}|'(?:[^'\\]|\\.)+'|[()\[\]{{}}]", text[at:], flags=re.S):
        depth += (match[0] in "([{") - (match[0] in ")]}")
        if depth == 0:
            return text[at + 1:at + match.start()]
    raise ValueError("unbalanced: " + text[at:at + 60])


class Code:
    def __init__(self, folders):
        files = [p for f in folders for p in sorted(pathlib.Path(f).rglob("*.[ch]"))]
        self.texts = {p: without_comments(p.read_text()) for p in files}
        self.functions = collections.defaultdict(list)
        for path, text in self.texts.items():
            for function in [*self.definitions(path, text), *self.macros(path, text)]:
                self.functions[function.name].append(function)
        self.everything = "\n".join(self.texts.values())

    @staticmethod
    def definitions(path, text):
        for match in re.finditer(r"^(?!#)\w[^;{}=#]*?\b(\w+)(\()", text, flags=re.M):
            params = inside(text, match.start(2))
            after = text[match.end(2) + len(params) + 1:]
            if re.match(r"\s*\{", after):
                yield Function(path, match[1], params, after[:after.find("\n}")])

    @staticmethod
    def macros(path, text):
        for match in re.finditer(r"^#define (\w+)\(([^)]*)\)((?:.*\\\n)*.*)", text, flags=re.M):
            yield Function(path, match[1], match[2].replace("...", "__VA_ARGS__"), match[3])

    def all_functions(self):
        return (f for same in self.functions.values() for f in same)

    def seen_from(self, path, name):
        """A static of the same file before one of elsewhere."""
        found = self.functions.get(name, [])
        return [f for f in found if f.where == path] or found


class Names:
    def __init__(self, code):
        self.code = code
        self.found = {}  # name: where
        self.lost = set()
        self.done = set()

    def sink(self, name, index, only_in=None):
        """Argument @index of every call of @name (a static: in its file) is a name."""
        if (name, index, only_in) in self.done:
            return
        self.done.add((name, index, only_in))
        for function in self.code.all_functions():
            if only_in and function.where != only_in:
                continue
            if re.search(rf"\b{name}\b", function.params):
                continue  # it is called through a parameter of that name
            for match in re.finditer(rf"\b{name}(\()", function.body):
                args = split(inside(function.body, match.start(1)), ",")
                if index < len(args):
                    self.follow(args[index][1], function)

    def notes(self):
        """Whoever fills a struct wpp_note gives it a name."""
        for function in self.code.all_functions():
            for match in re.finditer(r"\bstruct wpp_note \w+ = (\{)", function.body):
                name = re.search(r"\.name = ([^,}]*)", inside(function.body, match.start(1)))
                if name:
                    self.follow(name[1], function)

    def follow(self, expression, function):
        parts = split(expression, "?:")
        if len(parts) > 1:  # a ? b : c
            parts = [(before, part) for before, part in parts[1:]]
            values = [p for i, (_, p) in enumerate(parts)
                      if i + 1 == len(parts) or parts[i + 1][0] != "?"]
            for value in values:
                self.follow(value, function)
            return
        self.follow_one(expression.strip(), function)

    def follow_one(self, expression, function):
        literal = re.fullmatch(LITERAL, expression)
        call = re.fullmatch(r"(\w+)\(.*\)", expression, flags=re.S)
        member = re.fullmatch(r"(\w+)(?:\[\w+\])?(?:->|\.)(?:\w+\.)*(\w+)", expression)
        key = (expression, function.where, function.name)
        if function.name in HANDS_ON:
            return
        if literal and literal[0] != '""':
            self.found.setdefault(expression[1:-1], function.where)
        elif key in self.done or expression in ("NULL", '""'):
            return
        else:
            self.done.add(key)
            known = (self.variable(expression, function) if re.fullmatch(r"\w+", expression) else
                     self.call(call[1], function) if call else
                     self.member(member[1], member[2], function) if member else False)
            if not known:
                self.lost.add(f"{function.where}: {function.name}(): {expression}")

    def variable(self, name, function):
        params = [re.sub(r"(?s).*?(\w*)\W*$", r"\1", p) for _, p in split(function.params, ",")]
        if name in params:
            static = re.search(rf"^static\b[^;{{}}]*\b{function.name}\(",
                               self.code.texts[function.where], flags=re.M)
            c_file = function.where.suffix == ".c"
            self.sink(function.name, params.index(name), function.where if static and c_file else None)
        assigned = re.findall(rf"(?<![.\w]){name} = ([^;]*);", function.body)
        for value in assigned:
            self.follow(value, function)
        return name in params or bool(assigned)

    def call(self, name, function):
        known = False
        for callee in self.code.seen_from(function.where, name):
            for value in re.findall(r"\breturn ([^;]*);", callee.body):
                self.follow(value, callee)
                known = True
        return known

    def member(self, base, field, function):
        """All tables of the struct that @base is, or has elements of."""
        here = self.code.texts[function.where]
        unnamed = re.search(rf"struct (\{{)[^}}]*\}} {base}\[\w*\] = (\{{)", here)
        if unnamed:
            column = fields(inside(here, unnamed.start(1))).index(field)
            return self.table(inside(here, unnamed.start(2)), field, column, function)
        kind = next(filter(None, (
            re.search(rf"\bstruct (\w+) \*?(?:const )?{base}\b", text)
            for text in (function.params + ";" + function.body, here, self.code.everything))), None)
        if not kind:
            return False
        return kind[1] in CARRIERS or self.tables(kind[1], field, function)

    def tables(self, kind, field, function):
        known = False
        struct = rf"^(?:static )?(?:const )?struct {kind} (\{{)"
        for path, text in self.code.texts.items():
            for match in re.finditer(rf"struct {kind}(?: \{{[^}}]*\}})? \w+\[\w*\] = (\{{)", text):
                whole = next(t for t in (text, self.code.texts[function.where], self.code.everything)
                             if re.search(struct, t, re.M))
                body = inside(whole, re.search(struct, whole, re.M).start(1))
                known |= self.table(inside(text, match.start(1)), field, fields(body).index(field),
                                    Function(path, match[0], "", ""))
        return known

    def table(self, text, field, column, function):
        known = False
        for _, row in split(text, ","):
            cells = [cell for _, cell in split(row[1:-1], ",")] if row.startswith("{") else []
            named = re.search(rf"\.{field} = ({LITERAL})", row)
            if named or column < len(cells):
                self.follow(named[1] if named else cells[column], function)
                known = True
        return known


def fields(struct):
    """Names of the members of a struct, in order."""
    return [re.search(r"(\w+)(?:\[.*\])?$", name)[1] for line in struct.split(";") if line.strip()
            for _, name in split(line, ",")]


def documented(path):
    """Names in the first column of the tables."""
    rows = re.findall(r"^\| (`.*?) \|", pathlib.Path(path).read_text(), flags=re.M)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def main():
    limits, *folders = sys.argv[1:]
    names = Names(Code(folders))
    for sink, index in SINKS.items():
        names.sink(sink, index)
    names.notes()
    code, text = set(names.found), documented(limits)
    for name in sorted(code - text):
        print(f"{name}: in {names.found[name]}, not in {limits}")
    for name in sorted(text - code):
        print(f"{name}: in {limits}, not in the code")
    for lost in sorted(names.lost):
        print(f"where does this name come from? {lost}")
    print(f"{len(code)} names of notes in the code, {len(text)} in {limits}")
    sys.exit(code != text or bool(names.lost) or not code)


if __name__ == "__main__":
    main()
