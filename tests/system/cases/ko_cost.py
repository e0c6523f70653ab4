# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What tracking costs in instructions (QEMU's -icount), on the loop of the thesis: 10 times mmap 16 MiB, touch, munmap.
Promised are 1.01 for the walk and 1.2 for batches of events."""
from ko import Ko, Memory

PAGES = 10 * 4096
MODES = [("walk", "", 1.01), ("eager, batches of 256", "eager 256", 1.2), ("eager, one by one", "eager 1", 1.25)]


def load(target):
    """Instructions a page: the least of three runs, since ticks and daemons only add."""
    def once():
        said = target.step("load")
        return int(next(line for line in said.splitlines() if line.startswith("ns ")).split()[1])
    return min(once() for _ in range(3)) / PAGES


def run(lab, args):
    ko = Ko(lab, icount="shift=0,sleep=off")
    target = Memory(ko)
    base = load(target)
    print(f"untracked: {base:.0f} instructions a page", flush=True)
    failed = []
    for name, words, limit in MODES:
        ko.call("track", target.pid, "a", words)
        cost = load(target)
        print(f"{name}: {cost:.0f}, {cost / base:.3f} x", flush=True)
        if cost / base > limit:
            failed.append(name)
        ko.call("untrack", target.pid)
    print(f"untracked again: {load(target) / base:.3f} x")
    target.end()
    assert not failed, failed
    ko.unload()
