# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The FPGA driven from user space: found, tested, through two outages; then it vanishes under a persist.
Argument iommu: an IOMMU guards it, so it is driven through VFIO."""
import media
from outage import outages
from workloads import configure, wpp

PAGES = 40  # huge: rings, and what capture and recreation copy through


def find(m):
    (device,) = [d for d in wpp(m, "device", "list")["devices"] if d["kind"] == "fpga"]
    return device


# The device sees physical addresses in any case (it is no part of QEMU); with huge pages the IOMMU is set up so.
IOMMU = dict(append="intel_iommu=on", argv=["-device", "intel-iommu"])
BIND = """modprobe -a vfio_iommu_type1 vfio_pci || exit
echo vfio-pci >/sys/bus/pci/devices/0000:00:05.0/driver_override; echo 0000:00:05.0 >/sys/bus/pci/drivers_probe"""


def run(lab, args):
    fpga = media.Fpga(lab)
    iommu = "iommu" in args.words

    def boot(first):
        m = lab.boot(fpga, **(IOMMU if iommu else {}))
        configure(m, backend="fpga")
        if first:
            refused(m, iommu)
        m.sh(f"sysctl -q vm.nr_hugepages={PAGES}")
        if iommu:
            m.sh(BIND)
        if first:
            device = find(m)
            assert device["usable"] and device["path"] == "0000:00:05.0", device
            assert device["driver"] == ("vfio-pci" if iommu else ""), device
            tested = wpp(m, "device", "selftest")
            assert tested["passed"] and len(tested["steps"]) == 6, tested
            m.sh("wpp format")  # a blank one needs no --force
            code, text = wpp(m, "format", ok=False)
            assert code == 1 and "--force" in text, text
            conforms = m.sh("guest_medium 2>&1")
            assert "FAILED" not in conforms and "PASSED" in conforms, conforms
            m.sh("wpp format --force")
        told = m.sh("wpp doctor | grep durable")
        assert ("VFIO" if iommu else "huge pages") in told, told
        return m

    outages(lab, boot)
    if not iommu:
        vanishes(lab, fpga)


def refused(m, iommu):
    """Not bound, without memory for it, as another user: said by name, and nothing hangs."""
    code, text = wpp(m, "format", ok=False)
    assert code == 1 and ("vfio-pci" if iommu else "vm.nr_hugepages") in text, text
    if iommu:
        return
    code, text = m.sh("cp /run/wpp.conf /tmp; su -s /bin/sh nobody -c 'wpp --config /tmp/wpp.conf format' 2>&1", ok=False)
    assert code == 6 and "root" in text, (code, text)
    code, text = wpp(m, "device", "selftest", "0000:00:1f.0", ok=False)
    assert code == 1 and "no FPGA" in text, text


def vanishes(lab, fpga):
    """The device dies under a persist: an error, and the process runs on. The generations are still there."""
    m = lab.boot(fpga)
    configure(m, backend="fpga")
    m.sh(f"sysctl -q vm.nr_hugepages={PAGES}")
    before = wpp(m, "ls")["images"]
    m.sh("setsid wpp run --name victim -- sleep 1000 </dev/null >/dev/null 2>&1 & usleep 500000")
    fpga.device.kill()
    code, text = wpp(m, "persist", "victim", ok=False)
    assert code not in (0, 124) and "does not answer" in text, (code, text)
    m.sh("kill -0 $(pidof sleep)")
    m.kill()
    m = lab.boot(fpga)
    configure(m, backend="fpga")
    m.sh(f"sysctl -q vm.nr_hugepages={PAGES}")
    assert wpp(m, "ls")["images"] == before
    wpp(m, "verify")
    m.off()
