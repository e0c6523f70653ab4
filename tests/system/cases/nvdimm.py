# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""An NVDIMM with ext4 on fsdax: the pmem backend maps it with MAP_SYNC and flushes caches."""
import media
from outage import outages
from workloads import configure

FORMAT = """ndctl create-namespace -f -e namespace0.0 --mode=fsdax >&2 || exit
mkfs.ext4 -q -b 4096 /dev/pmem0 || exit"""


def run(lab, args):
    nvdimm = media.Nvdimm(lab)

    def boot(first):
        m = lab.boot(nvdimm)
        m.sh("modprobe -a nfit nd_pmem; until [ -e /sys/bus/nd/devices/namespace0.0 ]; do usleep 10000; done")
        if first:
            m.sh(FORMAT)
        m.sh("until [ -b /dev/pmem0 ]; do usleep 10000; done; mount -t ext4 -o dax=always /dev/pmem0 /pmem")
        configure(m, path="/pmem/medium.wpp", size="160M")
        if first:
            m.sh("wpp format")
        told = m.sh("wpp doctor | grep durable")
        assert "persistent memory, mapped" in told, told
        return m

    outages(lab, boot)
