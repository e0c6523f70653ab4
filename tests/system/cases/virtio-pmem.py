# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""virtio-pmem: mapped by DAX, but only fdatasync makes it durable, and the kernel refuses MAP_SYNC."""
import media
from outage import outages
from workloads import configure


def run(lab, args):
    medium = media.VirtioPmem(lab)

    def boot(first):
        m = lab.boot(medium)
        m.sh("modprobe -a virtio_pmem nd_pmem; until [ -b /dev/pmem0 ]; do usleep 10000; done")
        if first:
            m.sh("mkfs.ext4 -q -b 4096 /dev/pmem0")
        m.sh("mount -t ext4 -o dax=always /dev/pmem0 /pmem")
        configure(m, path="/pmem/medium.wpp", size="160M")
        if first:
            m.sh("wpp format")
        told = m.sh("wpp doctor | grep durable")
        assert "fdatasync" in told, told
        return m

    outages(lab, boot)
