# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Who says to wpp.ko that power fails: an NMI, the power button, a reboot; each saves and kills what is tracked."""
from ko import Ko, Memory


def saved(ko, name, cut):
    target = Memory(ko, name)
    ko.call("track", target.pid, name)
    cut()
    ko.until("[ $(ls /proc/wpp | wc -l) = 1 ]")
    ko.until(f"dmesg | grep -q 'wpp: {name}: generation 1'")
    target.end()


def run(lab, args):
    ko = Ko(lab, "powerfail=panic,reboot,nmi,button", append="loglevel=7")
    assert ko.m.sh("insmod /run/extra/wpp.ko powerfail=thunder", ok=False)[0]
    saved(ko, "nmi", lambda: ko.m.monitor("nmi"))
    ko.m.sh("modprobe button; sleep 1")
    saved(ko, "button", lambda: ko.m.monitor("system_powerdown"))
    target = Memory(ko, "reboot")
    ko.call("track", target.pid, "reboot")
    ko.m.start("reboot -f")
    ko.m.wait_end()
    assert "wpp: reboot: generation 1" in ko.m.console.read_text(errors="replace")
