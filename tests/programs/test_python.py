# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""python3 with threads: no turn is lost or done twice over two outages."""
import pathlib

from harness import Wpp, wait_for

with Wpp() as wpp:
    out = wpp.dir / "out"
    pid = wpp.run("threads", "/usr/bin/python3", pathlib.Path(__file__).with_name("threads.py"), out)

    def turns():
        return out.read_text().splitlines() if out.exists() else []

    for round in (1, 2):
        before = len(turns())
        wait_for("turns", lambda: len(turns()) > before + 20)
        wpp.round_trip("threads", pid)
        before = len(turns())
        wait_for("turns after the outage", lambda: len(turns()) > before + 20)
    lines = turns()[:-1]
    assert lines == [f"{n} ok" for n in range(len(lines))], lines
