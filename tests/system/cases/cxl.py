# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Persistent CXL memory (a type 3 device): a region is made of it, the rest is as on an NVDIMM."""
import media
from outage import outages
from workloads import SelfCheck, configure


def run(lab, args):
    medium = media.Cxl(lab)

    def boot(first):
        m = lab.boot(medium)
        m.sh(medium.prepare)
        lab.say("the medium is ready")
        configure(m, **medium.conf)
        if first:
            m.sh("wpp format")
        told = m.sh("wpp doctor | grep durable")
        assert "persistent memory, mapped" in told, told
        return m

    outages(lab, boot, workloads=[SelfCheck("counter"), SelfCheck("threads")])
