# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A medium of media.py as the kernel module drives it, as user space drives it, and as the host sees it."""
import json
import subprocess

import media
from need import skip

KINDS = {"nvme": media.Nvme, "fpga": media.Fpga, "memory": media.Window}
LEFT = ("processes", "address_spaces", "page_references", "jobs")  # of /proc/wpp/stats
GIVE = """for d in /sys/bus/pci/devices/*; do
    [ $(cat $d/class) = 0x010802 ] || continue
    echo wpp-nvme >$d/driver_override
    [ ! -e $d/driver ] || echo ${d##*/} >$d/driver/unbind
    echo ${d##*/} >/sys/bus/pci/drivers_probe
done"""


def take(lab, name=None):
    """wpp.ko as built for the kernel of the case, or in another directory, goes along to its machines."""
    built = lab.build / "kernel-glue" / (name or lab.kernel.name) / "wpp.ko"
    if not built.exists():
        skip(f"{built} was not built")
    lab.extra["wpp.ko"] = built


class Module:
    """One medium, three ways. Attributes: name, medium."""

    def __init__(self, lab, name, mib=256, parameters="", **keys):
        take(lab)
        self.lab, self.name, self.parameters = lab, name, parameters
        self.medium = KINDS[name](lab, mib=mib)
        self.keys = {"kind": name, **keys}
        if name == "memory":
            self.keys |= {"base": f"{media.WINDOW >> 20}M", "size": f"{mib}M"}

    def boot(self, **how):
        """The module has the medium; wpp.conf says so."""
        m = self.lab.boot(self.medium, append=self.medium.reserve, **how)
        m.sh(f"insmod /run/extra/wpp.ko {self.parameters}")
        if self.name == "nvme":
            m.sh(GIVE)
        self.configure(m)
        return m

    def configure(self, m, **keys):
        lines = ["[wpp]", "backend = module", "[module]"]
        lines += [f"{k} = {v}" for k, v in (self.keys | keys).items()]
        m.sh("cat >/run/wpp.conf <<'END'\n" + "\n".join(lines) + "\nEND")

    def host(self, *words):
        """wpp --json on the host, on what the machine left."""
        return json.loads(self.run_on_host("--json", *words))

    def run_on_host(self, *words):
        conf = self.lab.dir / "host.conf"
        conf.write_text(f"[wpp]\nbackend = nvme\npath = {self.medium.on_host()}\n")
        done = subprocess.run([self.lab.build / "tools/wpp/wpp", "--config", conf, *words], text=True,
                              capture_output=True)
        assert done.returncode == 0, f"wpp {words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


def stats(m):
    lines = m.sh("cat /proc/wpp/stats").splitlines()
    return {key: int(value) for key, value in (line.split(": ") for line in lines)}


def gone(m):
    """All that was tracked has ended; what was killed takes a moment."""
    m.sh("for i in $(seq 1000); do [ $(ls /proc/wpp | wc -l) = 1 ] && exit; usleep 20000; done; dmesg | tail; exit 1")


def unload(m):
    """Nothing is tracked, nothing was left behind."""
    gone(m)
    left = {key: value for key, value in stats(m).items() if key in LEFT and value}
    assert not left, f"left behind: {left}"
    m.sh("rmmod wpp")
