# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""One FPGA, two worlds: a process is saved from user space, goes on under the module, is saved by the module, and
goes on without it."""
import media
from need import skip
from outage import outages
from workloads import SelfCheck, configure


def run(lab, args):
    module = lab.build / "kernel-glue" / lab.kernel.name / "wpp.ko"
    if not module.exists():
        skip(f"{module} was not built (target wpp_ko_{lab.kernel.name})")
    lab.extra["wpp.ko"] = module
    fpga = media.Fpga(lab)

    def boot(first):
        m = lab.boot(fpga)
        if len(lab.machines) % 2:
            m.sh(fpga.prepare)
            configure(m, **fpga.conf)
        else:
            m.sh("insmod /run/extra/wpp.ko")
            m.sh("printf '[wpp]\\nbackend = module\\n[module]\\nkind = fpga\\naddress = 0000:00:05.0\\n' >/run/wpp.conf")
        if first:
            m.sh("wpp format")
        return m

    outages(lab, boot, workloads=[SelfCheck("counter"), SelfCheck("threads")])
