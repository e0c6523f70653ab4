# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A whole NVMe drive, by io_uring from user space. Words: ng (the namespace's own character device), 4k blocks."""
import media
from outage import outages
from workloads import configure


def run(lab, args):
    drive = media.Nvme(lab, block=4096 if "4k" in args.words else 512)
    node = "/dev/ng0n1" if "ng" in args.words else "/dev/nvme0n1"

    def boot(first):
        m = lab.boot(drive)
        m.sh(f"modprobe nvme; until [ -e {node} ]; do usleep 10000; done")
        configure(m, backend="nvme", path=node)
        if first:
            m.sh("wpp format")
            lab.say(m.sh("wpp doctor | grep -E 'medium|durable'"))
        return m

    outages(lab, boot)
