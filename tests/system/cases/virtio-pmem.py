# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""virtio-pmem: mapped by DAX, but only fdatasync makes it durable, and the kernel refuses MAP_SYNC."""
import media
from outage import outages
from workloads import configure


def run(lab, args):
    medium = media.VirtioPmem(lab)

    def boot(first):
        m = lab.boot(medium)
        m.sh(medium.prepare)
        configure(m, **medium.conf)
        if first:
            m.sh("wpp format")
        told = m.sh("wpp doctor | grep durable")
        assert "fdatasync" in told, told
        return m

    outages(lab, boot)
