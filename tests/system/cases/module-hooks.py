# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Power fails without anybody writing to /dev/wpp-trigger: an NMI, the power button, an orderly reboot."""
from module import Module, gone, unload
from workloads import SelfCheck, wpp


def go_on(lab, m, w, generation, hook):
    assert w.recreate(m)["generation"] == generation
    w.check(m)
    lab.say(f"{hook}: generation {generation}")


def run(lab, args):
    side = Module(lab, "nvme", mib=64, parameters="powerfail=panic,reboot,nmi,button")
    w = SelfCheck("threads")
    m = side.boot()
    m.sh("modprobe button; wpp -q format --force")
    w.start(m)
    m.monitor("nmi")
    gone(m)
    go_on(lab, m, w, 1, "NMI")
    m.monitor("system_powerdown")
    gone(m)
    go_on(lab, m, w, 2, "power button")
    m.start("reboot -f")
    m.wait_end()

    m = side.boot()
    go_on(lab, m, w, 3, "reboot")
    m.sh(f"kill -9 {w.pid}")
    unload(m)
    m.kill()
