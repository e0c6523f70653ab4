# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The media of a machine: a file on the host, and the device that the machine sees."""
import socket
import subprocess

import images
from need import skip


class Medium:
    """board, memory, argv: what QEMU gets for it."""
    board, memory, argv = [], [], []

    def __init__(self, lab, name, mib=256):
        self.file = lab.dir / f"{name}.img"
        self.mib = mib
        images.make_file(self.file, mib)

    def plug(self):
        """Before each boot."""

    def unplug(self):
        """After QEMU has ended."""


class Nvdimm(Medium):
    """/dev/pmem0 after modprobe nfit nd_pmem."""
    board = ["nvdimm=on"]
    memory = ["slots=2", "maxmem=4G"]

    def __init__(self, lab, mib=256):
        super().__init__(lab, "nvdimm", mib)
        self.argv = ["-object", f"memory-backend-file,id=nv,share=on,mem-path={self.file},size={mib}M", "-device",
                     "nvdimm,memdev=nv"]


class VirtioPmem(Medium):
    """/dev/pmem0 after modprobe virtio_pmem nd_pmem."""
    memory = ["slots=2", "maxmem=4G"]

    def __init__(self, lab, mib=256):
        super().__init__(lab, "virtio-pmem", mib)
        self.argv = ["-object", f"memory-backend-file,id=vp,share=on,mem-path={self.file},size={mib}M", "-device",
                     "virtio-pmem-pci,memdev=vp"]


class Nvme(Medium):
    """/dev/nvme0n1 after modprobe nvme."""

    def __init__(self, lab, mib=256, block=512):
        super().__init__(lab, "nvme", mib)
        self.argv = ["-drive", f"file={self.file},if=none,id=nvme,format=raw", "-device",
                     f"nvme,drive=nvme,serial=wpp,logical_block_size={block},physical_block_size={block}"]


class Fpga(Medium):
    """The FPGA of wpp-fpga-device at 0000:00:05.0; knobs: its options. A process for each boot, which ends when
    QEMU does; device is the last one."""
    board = ["memory-backend=ram"]

    def __init__(self, lab, mib=256, knobs=(), ram="1G"):
        super().__init__(lab, "fpga", mib)
        self.program = lab.build / "tools/fpga-device/wpp-fpga-device"
        if not self.program.exists():
            skip("wpp-fpga-device was not built")
        self.log = lab.dir / "fpga.log"
        self.knobs, self.ram, self.device = knobs, ram, None

    def plug(self):
        ours, theirs = socket.socketpair()
        with ours, open(self.log, "a") as log:
            self.device = subprocess.Popen([self.program, "--verbose", "--medium", self.file, *self.knobs, "--fd",
                                            str(ours.fileno())], pass_fds=[ours.fileno()], stderr=log)
        self.argv = ["-object", f"memory-backend-memfd,id=ram,size={self.ram},share=on", "-device",
                     f"x-pci-proxy-dev,id=wpp,addr=0x5,fd={theirs.detach()}"]

    def unplug(self):
        self.device.wait(60)
