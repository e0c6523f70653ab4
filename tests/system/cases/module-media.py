# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The media that the module drives itself: nvme, fpga or memory. What every backend must do, a process saved
there and read from outside of the machine, and what happens when the device is taken away meanwhile."""
import re

import media
from need import skip
from workloads import wpp

WINDOW = 0x10000000  # the thesis' reserved memory
NVME = "0000:00:08.0"
FPGA = "0000:00:05.0"


PAGES = 0x2082000  # where the page section of a medium of 256 MiB begins (wpp_geometry_fit)
BAD_WRITE = f"""[inject-error]
event = "none"
iotype = "write"
errno = "5"
once = "on"
sector = "{PAGES // 512}"
"""


class NvmeIommu(media.Nvme):
    """4096-byte blocks, behind an IOMMU, at a known place; the first write to the first page fails."""

    def __init__(self, lab):
        super().__init__(lab, block=4096)
        rule = lab.dir / "bad-write"
        rule.write_text(BAD_WRITE)
        self.argv[1] = self.argv[1].replace("file=", f"file=blkdebug:{rule}:")
        self.argv[-1] += ",addr=0x8"
        self.argv += ["-device", "intel-iommu"]


class Nothing(media.Medium):
    """The window is memory of the machine."""

    def __init__(self, lab):
        pass


def give(m, address):
    """From Linux' own driver, if it has it, to ours."""
    m.sh(f"D=/sys/bus/pci/devices/{address}; echo wpp-nvme >$D/driver_override\n"
         f"[ ! -e $D/driver ] || echo {address} >$D/driver/unbind\n"
         f"echo {address} >/sys/bus/pci/drivers_probe; [ -e /sys/bus/pci/drivers/wpp-nvme/{address} ]")


def configure(m, **keys):
    lines = ["[wpp]", "backend = module", "[module]", *(f"{k} = {v}" for k, v in keys.items())]
    m.sh("cat >/run/wpp.conf <<'END'\n" + "\n".join(lines) + "\nEND")


def conforms(m):
    said = m.sh("guest_medium 2>&1")
    assert re.search(r"PASSED +\] \d+ test", said), said


def start(m):
    """A process that nobody has to ask whether it lives, tracked."""
    pid = m.sh("setsid sleep 10000 </dev/null >/dev/null 2>&1 & echo $!")
    m.sh(f"guest_ko track {pid} sleep")
    return pid


def saves(m, pid):
    said = m.sh(f"guest_ko persist {pid}; dd if=/dev/zero of=/dev/wpp bs=4096 count=1 2>&1 | head -1")
    assert "generation 1\n" in said and "busy" in said, said
    code, text = wpp(m, "drop", "sleep", ok=False)
    assert code == 1 and "only one that may write" in text, text
    images = wpp(m, "ls")["images"]
    assert [(i["name"], i["generation"]) for i in images] == [("sleep", 1)], images
    wpp(m, "verify")


def fails(m, pid):
    """An error in time, and the process runs on."""
    code, text = m.sh(f"timeout 30 guest_ko persist {pid}; c=$?; kill -0 {pid} && exit $c", ok=False)
    assert code == 5, (code, text)  # EIO


def run_nvme(lab):
    m = lab.boot(NvmeIommu(lab), append="intel_iommu=on")
    m.sh("insmod /run/extra/wpp.ko")
    configure(m, kind="nvme")
    code, text = wpp(m, "format", ok=False)
    assert code == 1 and "was not given" in text, text
    give(m, NVME)
    conforms(m)
    m.sh("wpp format --force")
    pid = start(m)
    fails(m, pid)
    saves(m, pid)
    m.sh(f"echo 1 >/sys/bus/pci/devices/{NVME}/remove")
    fails(m, pid)
    m.sh(f"guest_ko untrack {pid}; echo 1 >/sys/bus/pci/rescan")
    give(m, NVME)
    wpp(m, "verify")
    return m


def run_fpga(lab):
    fpga = media.Fpga(lab)
    m = lab.boot(fpga)
    m.sh("insmod /run/extra/wpp.ko")
    configure(m, kind="fpga", address=FPGA, timeout=2000)
    conforms(m)
    m.sh("wpp format --force")
    pid = start(m)
    saves(m, pid)
    fpga.device.kill()
    fails(m, pid)
    m.sh(f"guest_ko untrack {pid}")
    return m


def run_memory(lab):
    m = lab.boot(Nothing(lab), append=f"memmap=64M${WINDOW:#x}")
    m.sh("insmod /run/extra/wpp.ko")
    configure(m, kind="memory", base=f"{WINDOW >> 20}M", size="128M")  # reaches into memory of Linux
    code, text = wpp(m, "format", ok=False)
    assert code == 1 and "memmap" in text, text
    configure(m, kind="memory", base=f"{WINDOW >> 20}M", size="64M")
    conforms(m)
    m.sh("wpp format --force")
    pid = start(m)
    saves(m, pid)
    m.sh(f"guest_ko untrack {pid}")
    return m


def run(lab, args):
    module = lab.build / "kernel-glue" / lab.kernel.name / "wpp.ko"
    if not module.exists():
        skip(f"{module} was not built (target wpp_ko_{lab.kernel.name})")
    lab.extra["wpp.ko"] = module
    m = {"nvme": run_nvme, "fpga": run_fpga, "memory": run_memory}[args.words[0]](lab)
    m.sh("rmmod wpp")
    m.off()
