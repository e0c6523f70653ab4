# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Saved under one kernel, recreated under another, and back: another vdso, other ways to find pages."""
import media
from outage import outages
from workloads import configure


def run(lab, args):
    drive = media.Nvme(lab)
    turn = []

    def boot(first):
        turn.append(None)
        m = lab.boot(drive, kernel=["6.1-amd64", "6.12-cloud"][len(turn) % 2])
        m.sh("modprobe nvme; until [ -e /dev/nvme0n1 ]; do usleep 10000; done")
        configure(m, path="/dev/nvme0n1")
        if first:
            m.sh("wpp format")
        return m

    outages(lab, boot, rounds=3)
