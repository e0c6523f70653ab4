# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A Java virtual machine with its collector, compiler and pool threads."""
import pathlib
import subprocess

from harness import Wpp, need, wait_for

with Wpp(size="2G") as wpp:
    java, javac = need("java"), need("javac")
    subprocess.run([javac, "-d", wpp.dir, pathlib.Path(__file__).with_name("Threads.java")], check=True)
    out = wpp.dir / "out"
    pid = wpp.run("java", java, "-Xmx256m", "-cp", wpp.dir, "Threads", out)

    def turns():
        return out.read_text().splitlines() if out.exists() else []

    for round in (1, 2):
        before = len(turns())
        wait_for("turns", lambda: len(turns()) > before + 20)
        wpp.round_trip("java", pid)
        before = len(turns())
        wait_for("turns after the outage", lambda: len(turns()) > before + 20)
    lines = turns()[:-1]
    assert lines == [f"{n} ok" for n in range(len(lines))], lines[:50]
