# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""An NVDIMM with ext4 on fsdax: the pmem backend maps it with MAP_SYNC and flushes caches."""
import media
from outage import outages
from workloads import configure


def run(lab, args):
    medium = media.Nvdimm(lab)

    def boot(first):
        m = lab.boot(medium)
        m.sh(medium.prepare)
        configure(m, **medium.conf)
        if first:
            m.sh("wpp format")
        told = m.sh("wpp doctor | grep durable")
        assert "persistent memory, mapped" in told, told
        return m

    outages(lab, boot)
