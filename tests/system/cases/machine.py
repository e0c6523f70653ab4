# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A machine for a person: its console is the terminal, the medium stays for the next start (scripts/machine)."""
import media
from workloads import configure

KEEP = True
MEDIA = {"nvdimm": media.Nvdimm, "virtio-pmem": media.VirtioPmem, "nvme": media.Nvme, "fpga": media.Fpga}
PMEM = """mount -t ext4 -o dax=always /dev/pmem0 /pmem 2>/dev/null || {
    mkfs.ext4 -q -b 4096 /dev/pmem0 && mount -t ext4 -o dax=always /dev/pmem0 /pmem; }"""
READY = {
    "nvdimm": "modprobe -a nfit nd_pmem; until [ -e /sys/bus/nd/devices/namespace0.0 ]; do usleep 10000; done\n"
              "ndctl list -m fsdax | grep -q . || ndctl create-namespace -f -e namespace0.0 --mode=fsdax\n" + PMEM,
    "virtio-pmem": "modprobe -a virtio_pmem nd_pmem; until [ -b /dev/pmem0 ]; do usleep 10000; done\n" + PMEM,
    "nvme": "modprobe nvme; until [ -b /dev/nvme0n1 ]; do usleep 10000; done",
    "fpga": "sysctl -q vm.nr_hugepages=40",
}
CONF = {
    "nvdimm": {"path": "/pmem/medium.wpp"},
    "virtio-pmem": {"path": "/pmem/medium.wpp"},
    "nvme": {"backend": "nvme", "path": "/dev/nvme0n1"},
    "fpga": {"backend": "fpga"},
}


def run(lab, args):
    names = args.medium or ["nvdimm"]
    print(f"booting {lab.kernel.release}; Ctrl-A X takes its power", flush=True)
    m = lab.boot(*(MEDIA[name](lab) for name in names), append=args.append, argv=args.qemu, terminal=True)
    for name in names:
        m.sh(READY[name])
    configure(m, **CONF[names[0]])
    m.wait_end(None)
