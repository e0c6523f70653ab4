# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A test program of Genode's RTCR: its counter goes on without a gap over two outages."""
import sys

from harness import Wpp, wait_for

program = sys.argv[1]
with Wpp(size="64M") as wpp:
    out = wpp.dir / "out"
    pid = wpp.run("counter", program, out)

    def counts():
        return [int(n) for n in out.read_text().split("\n")[:-1]] if out.exists() else []

    for round in (1, 2):
        before = len(counts())
        wait_for("counts", lambda: len(counts()) > before + 5)
        wpp.round_trip("counter", pid)
        before = len(counts())
        wait_for("counts after the outage", lambda: len(counts()) > before + 5)
    seen = counts()
    assert seen == [(seen[0] + n) % 65536 for n in range(len(seen))], seen
