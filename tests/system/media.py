# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The media of a machine: a file on the host, and the device that the machine sees."""
import socket
import subprocess

import images
from need import skip

WINDOW = 0x10000000  # of physical memory: what the thesis reserves


class Medium:
    """board, memory, argv: what QEMU gets for it. prepare: script that makes it ready in the machine, at each boot.
    conf: what wpp.conf says then. reserve: of the kernel's command line, for the module."""
    board, memory, argv, prepare, conf, reserve = [], [], [], "", {}, ""

    def __init__(self, lab, name, mib=256):
        self.file = lab.dir / f"{name}.img"
        self.mib = mib
        images.make_file(self.file, mib)

    def plug(self):
        """Before each boot."""

    def unplug(self):
        """After QEMU has ended."""

    def on_host(self):
        """A file that holds what is on it while no machine has it."""
        return self.file


MOUNT = """until [ -b /dev/pmem0 ]; do usleep 10000; done
mount -t ext4 -o dax=always /dev/pmem0 /pmem 2>/dev/null || {
    mkfs.ext4 -q -b 4096 /dev/pmem0 && mount -t ext4 -o dax=always /dev/pmem0 /pmem; }"""


class Nvdimm(Medium):
    """An NVDIMM with a file system on fsdax."""
    prepare = """modprobe -a nfit nd_pmem; until [ -e /sys/bus/nd/devices/namespace0.0 ]; do usleep 10000; done
ndctl list -m fsdax | grep -q . || ndctl create-namespace -f -e namespace0.0 --mode=fsdax >/dev/null
""" + MOUNT
    board = ["nvdimm=on"]
    memory = ["slots=2", "maxmem=4G"]

    def __init__(self, lab, mib=256):
        super().__init__(lab, "nvdimm", mib)
        self.conf = {"path": "/pmem/medium.wpp", "size": f"{mib * 5 // 8}M"}
        self.argv = ["-object", f"memory-backend-file,id=nv,share=on,mem-path={self.file},size={mib}M", "-device",
                     "nvdimm,memdev=nv"]


class VirtioPmem(Medium):
    """The same on virtio-pmem."""
    prepare = "modprobe -a virtio_pmem nd_pmem\n" + MOUNT
    memory = ["slots=2", "maxmem=4G"]

    def __init__(self, lab, mib=256):
        super().__init__(lab, "virtio-pmem", mib)
        self.conf = {"path": "/pmem/medium.wpp", "size": f"{mib * 5 // 8}M"}
        self.argv = ["-object", f"memory-backend-file,id=vp,share=on,mem-path={self.file},size={mib}M", "-device",
                     "virtio-pmem-pci,memdev=vp"]


class Nvme(Medium):
    """A whole NVMe drive."""
    prepare = "modprobe nvme; until [ -b /dev/nvme0n1 ]; do usleep 10000; done"
    conf = {"backend": "nvme", "path": "/dev/nvme0n1"}

    def __init__(self, lab, mib=256, block=512):
        super().__init__(lab, "nvme", mib)
        self.argv = ["-drive", f"file={self.file},if=none,id=nvme,format=raw", "-device",
                     f"nvme,drive=nvme,serial=wpp,logical_block_size={block},physical_block_size={block}"]


class Cxl(Medium):
    """CXL.mem: a type 3 device behind a root port of its own, persistent. The same uuid at each boot makes the labels on
    it valid again. QEMU calls a function for each access, so it is slow."""
    board = ["cxl=on", "cxl-fmw.0.targets.0=cxl.1", "cxl-fmw.0.size=4G"]
    memory = ["slots=2", "maxmem=4G"]
    conf = {"path": "/pmem/medium.wpp", "size": "32M"}
    prepare = """modprobe -a cxl_acpi cxl_pci cxl_mem cxl_port cxl_pmem nd_pmem
cd /sys/bus/cxl/devices
until [ -e decoder2.0 ] && [ -e mem0 ]; do usleep 10000; done
region=$(cat decoder0.0/create_pmem_region)
echo $region >decoder0.0/create_pmem_region
echo 256 >$region/interleave_granularity
echo 1 >$region/interleave_ways
echo 7c1f8a51-8d4e-4cf4-a9a5-0f4c2b6f5d10 >$region/uuid
echo pmem >decoder2.0/mode
echo 0x10000000 >decoder2.0/dpa_size
echo 0x10000000 >$region/size
echo decoder2.0 >$region/target0
echo 1 >$region/commit
echo $region >/sys/bus/cxl/drivers/cxl_region/bind
until ndctl list -R | grep -q region; do usleep 10000; done
ndctl list -m fsdax | grep -q . || ndctl create-namespace -m fsdax >/dev/null
""" + MOUNT

    def __init__(self, lab):
        super().__init__(lab, "cxl", 256)
        labels = lab.dir / "cxl-labels.img"
        images.make_file(labels, 256)
        self.argv = ["-object", f"memory-backend-file,id=cxl-mem,share=on,mem-path={self.file},size=256M", "-object",
                     f"memory-backend-file,id=cxl-labels,share=on,mem-path={labels},size=256M", "-device",
                     "pxb-cxl,bus_nr=12,bus=pcie.0,id=cxl.1", "-device", "cxl-rp,port=0,bus=cxl.1,id=cxl.port,chassis=0,slot=2",
                     # With one port Linux leaves the bridge's decoder alone, and QEMU 7.2 decodes nothing then.
                     "-device", "cxl-rp,port=1,bus=cxl.1,id=cxl.other,chassis=0,slot=3", "-device",
                     "cxl-type3,bus=cxl.port,memdev=cxl-mem,lsa=cxl-labels,id=cxl-pmem0,sn=0x1"]


class Fpga(Medium):
    """The FPGA of wpp-fpga-device at 0000:00:05.0; knobs: its options. A process for each boot, which ends when
    QEMU does; device is the last one."""
    board = ["memory-backend=ram"]
    prepare = "sysctl -q vm.nr_hugepages=40"
    conf = {"backend": "fpga"}

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


class Window(Medium):
    """Physical memory that Linux does not use; all memory of the machine is a file, so that it stays over a cut.
    For user space it is /dev/pmem0, with memmap=SIZE!BASE."""
    board = ["memory-backend=ram"]
    prepare = "modprobe -a nd_e820 nd_pmem; until [ -b /dev/pmem0 ]; do usleep 10000; done"
    conf = {"path": "/dev/pmem0"}

    def __init__(self, lab, mib=256, ram=1024):
        super().__init__(lab, "ram", ram)
        self.mib = mib
        self.reserve = f"memmap={mib}M${WINDOW:#x}"
        self.argv = ["-object", f"memory-backend-file,id=ram,size={ram}M,mem-path={self.file},share=on"]

    def on_host(self):
        part = self.file.with_name("window.img")
        subprocess.run(["dd", "status=none", f"if={self.file}", f"of={part}", "bs=1M", f"skip={WINDOW >> 20}",
                        f"count={self.mib}", "conv=sparse"], check=True)
        return part


KINDS = {"nvdimm": Nvdimm, "virtio-pmem": VirtioPmem, "nvme": Nvme, "cxl": Cxl, "fpga": Fpga}
