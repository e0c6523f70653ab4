# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""wpp device list: each kind of device, in each state."""
import media
from workloads import configure, wpp


def listed(m):
    return {d["path"]: d for d in wpp(m, "device", "list")["devices"]}


def run(lab, args):
    m = lab.boot(media.Fpga(lab), media.Nvme(lab), media.Nvdimm(lab))
    fpga = listed(m)["0000:00:05.0"]
    assert fpga["usable"] and (fpga["kind"], fpga["driver"]) == ("fpga", ""), fpga
    m.sh("modprobe -a nvme nfit nd_pmem; until [ -b /dev/nvme0n1 ] && [ -e /sys/bus/nd/devices/namespace0.0 ]; "
         "do usleep 10000; done; ndctl create-namespace -f -e namespace0.0 --mode=fsdax >&2")
    address = listed(m)["/dev/nvme0n1"]["address"]
    m.sh(f"echo {address} >/sys/bus/pci/drivers/nvme/unbind")
    nvme = listed(m)[address]
    assert not nvme["usable"] and "modprobe nvme" in nvme["text"], nvme
    m.sh(f"echo {address} >/sys/bus/pci/drivers/nvme/bind; until [ -b /dev/nvme0n1 ]; do usleep 10000; done")
    devices = listed(m)
    nvme, pmem = devices["/dev/nvme0n1"], devices["/dev/pmem0"]
    assert nvme["usable"] and nvme["driver"] == "nvme" and nvme["bytes"] == 256 << 20, nvme
    assert pmem["usable"] and pmem["kind"] == "pmem" and pmem["bytes"] > 200 << 20, pmem
    # A block device whose moves can't do without waiting.
    configure(m, backend="nvme", path="/dev/pmem0")
    m.sh("timeout 60 wpp format --force && timeout 60 wpp verify")
    m.sh("mkfs.ext4 -q /dev/nvme0n1; mkdir /run/mnt; mount /dev/nvme0n1 /run/mnt")
    nvme = listed(m)["/dev/nvme0n1"]
    assert not nvme["usable"] and "/run/mnt" in nvme["text"], nvme
    m.sh("umount /run/mnt; ndctl create-namespace -f -e namespace0.0 --mode=devdax >&2; modprobe device_dax; "
         "until [ -e /dev/dax0.0 ]; do usleep 10000; done")
    dax = listed(m)["/dev/dax0.0"]
    assert dax["usable"] and dax["bytes"] > 200 << 20, dax
    m.off()
