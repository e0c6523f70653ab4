#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""No file leans on one that leans on it: circles.py [--files] OBJECT...

By the linker's view: an object leans on another when it needs a symbol that the other defines.
Prints every circle, the shortest first, with the symbols that make each arrow, and fails if there
is one. So it does for the folders of the sources, where a file beside folders counts for itself;
--files leaves them out. OBJECT may be a directory in which Kbuild has built a module.
"""
import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys

DEFINED = "ABCDGRSTVWui"  # nm's letters of symbols that other objects see
WEAK = "VW"
NEEDED = "Uvw"
SHOWN = 4  # symbols told for an arrow


def objects(args):
    """The objects themselves; of a directory of Kbuild those that it compiled, not what it linked."""
    for arg in args:
        if arg.is_dir():
            yield from (o for o in sorted(arg.rglob("*.o")) if kbuild_source(o))
        else:
            yield arg


def kbuild_source(obj):
    cmd = obj.with_name(f".{obj.name}.cmd")
    found = cmd.exists() and re.search(r"^source_\S+ := (\S+\.[cS])$", cmd.read_text(), re.M)
    return found and not found[1].endswith(".mod.c") and found[1]


def source(obj):
    """Its source, without the ending. CMake: ROOM/CMakeFiles/TARGET.dir/FOLDER/file.c.o"""
    path = kbuild_source(obj) or re.sub(r"CMakeFiles/[^/]+\.dir/|\.o$", "", str(obj))
    return os.path.splitext(os.path.normpath(path))[0]


def symbols(paths):
    """For each object: symbols that it defines (name: weak?), symbols that it needs."""
    out = subprocess.run(["nm", "-A", "-P", *map(str, paths)], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    defines, needs = collections.defaultdict(dict), collections.defaultdict(set)
    for line in out.splitlines():
        path, name, kind = re.match(r"(.+?): (\S+) (\w)\b", line).groups()
        if kind in DEFINED:
            defines[path][name] = kind in WEAK
        elif kind in NEEDED:
            needs[path].add(name)
    return defines, needs


def arrows(paths):
    """{user: {definer: {symbols}}}, by names of sources. A strong definition beats a weak one."""
    defines, needs = symbols(paths)
    home = {}
    for path, names in defines.items():
        for name, weak in names.items():
            if name not in home or not weak:
                home[name] = path
    name_of = {str(p): source(p) for p in paths}
    top = os.path.commonpath([os.path.dirname(n) for n in name_of.values()])
    graph = {os.path.relpath(n, top): {} for n in name_of.values()}
    for user, wanted in needs.items():
        for symbol in wanted & home.keys():
            lean(graph, *(os.path.relpath(name_of[p], top) for p in (user, home[symbol])), {symbol})
    return graph


def lean(graph, user, definer, names):
    if user != definer:
        graph[user].setdefault(definer, set()).update(names)


def by_folder(graph):
    parents = {os.path.dirname(os.path.dirname(name)) for name in graph} | {""}
    folder = {name: name if os.path.dirname(name) in parents else os.path.dirname(name) + "/"
              for name in graph}
    folders = {f: {} for f in folder.values()}
    for user, definers in graph.items():
        for definer, names in definers.items():
            lean(folders, folder[user], folder[definer], names)
    return folders


def way(graph, start, end):
    """The shortest way along arrows: [start, ..., end], or None."""
    came, todo = {start: None}, collections.deque([start])
    while todo and end not in came:
        at = todo.popleft()
        for to in sorted(graph[at]):
            if to not in came:
                came[to] = at
                todo.append(to)
    if end not in came:
        return None
    path = [end]
    while path[-1] != start:
        path.append(came[path[-1]])
    return path[::-1]


def circles(graph):
    """Shortest first; every arrow that lies on a circle is in one of them."""
    found = []
    for user in sorted(graph):
        for definer in sorted(graph[user]):
            back = way(graph, definer, user)
            if back:
                found.append([user, *back])
    told = set()
    for circle in sorted(found, key=len):
        steps = set(zip(circle, circle[1:]))
        if not steps <= told:
            told |= steps
            yield circle


def tell(graph, circle):
    for user, definer in zip(circle, circle[1:]):
        names = sorted(graph[user][definer])
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        print(f"  {user} -> {definer}  ({', '.join(names[:SHOWN])}{more})")


def report(what, graph):
    found = list(circles(graph))
    for circle in found:
        print(f"circle of {len(circle) - 1} {what}:")
        tell(graph, circle)
    knotted = {name for circle in found for name in circle}
    print(f"{len(graph)} {what}, {len(knotted)} of them in circles")
    return bool(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", action="store_true", help="leave folders out")
    parser.add_argument("object", nargs="+", type=pathlib.Path)
    args = parser.parse_args()
    paths = list(objects(args.object))
    if len(paths) < 2:
        sys.exit("fewer than two objects: nothing that could be a circle")
    graph = arrows(paths)
    bad = report("files", graph)
    if not args.files:
        bad |= report("folders", by_folder(graph))
    sys.exit(bad)


if __name__ == "__main__":
    main()
