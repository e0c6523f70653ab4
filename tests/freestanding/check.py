#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Prove that what must be freestanding is: check.py TOP ARCH COMPILER

Compiles every file of FOLDERS without a libc, with the flags that a kernel or an SMM
handler would use, links them into one object and checks that it
  - needs nothing but mem{cpy,move,set,cmp} and the port's wpp_plat_*,
  - has no data that can be written,
  - has no stack frame over FRAME_MAX bytes, no alloca, no recursion (gcc),
  - takes no more stack than the public headers promise ("stack <= N bytes"; gcc, PROMISED).
Exits 77 when there is no such compiler.
"""
import collections
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.dont_write_bytecode = True
import kerneldoc  # noqa: E402

FOLDERS = ("libwpp/core", "libwpp/record", "backends/fpga", "backends/nvme-polled")
FRAME_MAX = 1024
PROMISED = ("x86_64", "i686", "aarch64")  # s390x takes 160 bytes for each call
COMMON = """-std=gnu11 -O2 -Wall -Wextra -Wconversion -Wvla -Werror -ffreestanding -nostdinc
    -fno-pic -fno-stack-protector -fno-common -fno-asynchronous-unwind-tables""".split()
ARCH = {
    "x86_64": ["-m64", "-mno-red-zone", "-mgeneral-regs-only"],
    "i686": ["-m32", "-march=i686", "-mgeneral-regs-only"],
    "aarch64": ["-mgeneral-regs-only"],
    "s390x": ["-msoft-float"],
}
ALLOWED = re.compile(r"mem(cpy|move|set|cmp)|wpp_plat_\w+")


def run(cmd):
    return subprocess.run(cmd, check=True, text=True, stdout=subprocess.PIPE).stdout


def is_gcc(cc):
    return "Free Software Foundation" in run([cc, "--version"])


def build(cc, arch, top, out):
    sources = [source for folder in FOLDERS for source in (top / folder).glob("*.c")]
    flags = COMMON + ARCH[arch] + [f"-Wframe-larger-than={FRAME_MAX}", "-I", top / "libwpp/include",
                                   "-I", top / "libwpp",
                                   "-I", top / "libwpp/port", "-isystem",
                                   run([cc, "-print-file-name=include"]).strip()]
    if is_gcc(cc):
        flags += ["-fstack-usage", "-fcallgraph-info=su"]
    objects = []
    for source in sorted(sources):
        objects.append(out / f"{source.parent.name}_{source.stem}.o")
        run([cc, *flags, "-c", source, "-o", objects[-1]])
    run([cc, *ARCH[arch][:1], "-r", "-nostdlib", "-o", out / "core.elf", *objects])
    return len(objects)


def symbols(out):
    """What is missing, and what could be written, in the linked core."""
    missing, writable = [], []
    for line in run(["nm", out / "core.elf"]).splitlines():
        kind, name = line.split()[-2:]
        if kind in "Uw" and not ALLOWED.fullmatch(name):
            missing.append(name)
        if kind in "DdBbCGgSs":
            writable.append(name)
    return missing, writable


def frames(out):
    """(bytes, function, kind) of each function, largest first; kind is "dynamic" for alloca."""
    found = []
    for su in out.glob("*.su"):
        for line in su.read_text().splitlines():
            where, size, kind = line.split("\t")
            found.append((int(size), where.split(":")[-1], kind))
    return sorted(found, reverse=True)


def calls(out):
    graph = collections.defaultdict(set)
    for ci in out.glob("*.ci"):
        for line in ci.read_text().splitlines():
            edge = re.match(r'edge: { sourcename: "([^"]+)" targetname: "([^"]+)"', line)
            if edge:
                graph[edge[1]].add(edge[2])
    return graph


def depths(graph, size_of):
    """The largest sum of frames on a way of direct calls, of each function; exits on recursion."""
    depth = {}

    def visit(fn, above):
        if fn in above:
            sys.exit(f"recursion: {' > '.join(above + [fn])}")
        if fn not in depth:
            below = [visit(callee, above + [fn]) for callee in graph.get(fn, ())]
            depth[fn] = size_of.get(fn.split(":")[-1], 0) + max(below, default=0)
        return depth[fn]

    for fn in [*graph, *size_of]:
        visit(fn, [])
    return depth


def promises(top):
    """Bytes of stack that a public function may take, by its comment."""
    found = {}
    for header in sorted((top / "libwpp/include/wpp").glob("*.h")):
        for item in kerneldoc.parse(str(header)):
            text = item.doc.sections.get("Context", "") if item.doc else ""
            limit = re.search(r"stack <= (\d+) (bytes|KiB)", text)
            if limit:
                found[item.name] = int(limit[1]) * (1024 if limit[2] == "KiB" else 1)
    return found


def check_promises(top, arch, depth):
    limits = {fn: limit for fn, limit in promises(top).items() if fn in depth}
    if not limits:
        sys.exit("no header promises a limit of the stack")
    for fn, limit in limits.items():
        if depth[fn] > limit:
            sys.exit(f"{arch}: {fn}() takes {depth[fn]} bytes of stack, its header says {limit}")
    print(f"  {len(limits)} functions keep the limit that their header promises")


def check(cc, arch, top, out):
    nr = build(cc, arch, top, out)
    missing, writable = symbols(out)
    sizes = frames(out)
    dynamic = [name for _, name, kind in sizes if kind == "dynamic"]
    for what, names in (("needs", missing), ("writable data", writable), ("alloca", dynamic)):
        if names:
            sys.exit(f"{arch}, {cc}: {what}: {' '.join(names)}")
    print(f"{arch}, {cc}: {nr} files need nothing but mem* and port hooks")
    if sizes:
        depth = depths(calls(out), {name: size for size, name, _ in reversed(sizes)})
        way = max(depth, key=depth.get)
        print(f"  largest frame {sizes[0][0]} bytes ({sizes[0][1]}), limit {FRAME_MAX};"
              f" deepest way of direct calls {depth[way]} bytes (from {way.split(':')[-1]})")
        if arch in PROMISED:
            check_promises(top, arch, depth)


def main():
    top, arch, cc = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    if not shutil.which(cc):
        print(f"skipped: no {cc}")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as out:
        try:
            check(cc, arch, top, pathlib.Path(out))
        except subprocess.CalledProcessError as err:
            sys.exit(f"{arch}: failed: {' '.join(str(word) for word in err.cmd)}")


main()
