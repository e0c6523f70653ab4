# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Disks and initramfs of the machines, from Debian's packages and what the build has made."""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from need import need

HERE = pathlib.Path(__file__).resolve().parent
# What the machine needs to boot and what the media need, with all that they depend on.
MODULES = """virtio_pci virtio_blk ext4 crc32c_generic crc32c_intel nvme nfit nd_pmem nd_e820 dax_pmem device_dax
    virtio_pmem cxl_acpi cxl_pci cxl_mem cxl_pmem cxl_port unix_diag inet_diag tcp_diag udp_diag netlink_diag
    loop vfio_pci vfio_iommu_type1 uio uio_pci_generic qemu_fw_cfg msr button""".split()
TOOLS = """busybox redis-server redis-cli ndctl modprobe insmod rmmod mkfs.ext4 e2fsck dmesg chrt nice taskset losetup
    setsid prlimit""".split()



def run(*argv, **how):
    subprocess.run([str(a) for a in argv], check=True, **how)


@contextlib.contextmanager
def locked(path):
    with open(path, "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def find_module_deps(modules_dir, names):
    """Files of the modules and of what they depend on; names that are built in are left out."""
    deps = {}
    for line in (modules_dir / "modules.dep").read_text().splitlines():
        file, needs = line.split(":")
        deps[file] = needs.split()
    by_name = {pathlib.Path(f).name.split(".")[0].replace("-", "_"): f for f in deps}
    found = set()
    for name in names:
        if name in by_name:
            found |= {by_name[name], *deps[by_name[name]]}
    return sorted(found)


def make_initramfs(kernel, extra, out):
    """extra: {name: host file} appears in /run/extra of the machine."""
    with tempfile.TemporaryDirectory(dir=out.parent) as tmp:
        top = pathlib.Path(tmp)
        for d in ("bin", "proc", "sys", "dev", "root"):
            (top / d).mkdir()
        shutil.copy(need("busybox"), top / "bin/busybox")
        for applet in subprocess.check_output([need("busybox"), "--list"], text=True).split():
            if applet != "busybox":
                (top / "bin" / applet).symlink_to("busybox")
        shutil.copy(HERE / "guest/init", top / "init")
        copy_modules(kernel, top)
        for name, file in extra.items():
            (top / "extra").mkdir(exist_ok=True)
            shutil.copy(file, top / "extra" / name)
        with open(out, "wb") as f:
            names = sorted(str(p.relative_to(top)) for p in top.rglob("*"))
            run("cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0", cwd=top, stdout=f,
                input="\n".join(names).encode() + b"\n")


def copy_modules(kernel, top):
    to = top / "lib/modules" / kernel.release
    for file in find_module_deps(kernel.modules, MODULES):
        (to / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(kernel.modules / file, to / file)
    for index in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        if (kernel.modules / index).exists():
            shutil.copy(kernel.modules / index, to / index)
    run("/sbin/depmod", "-b", top, kernel.release)


def libraries(program):
    """Paths of the shared libraries as the program loader names them."""
    done = subprocess.run(["ldd", str(program)], text=True, capture_output=True)
    return re.findall(r"(/\S+) \(0x", done.stdout)


class Root:
    """The read-only root disk: built once, shared by all machines. Processes map their programs from
    it, so it has to be the same after a reboot."""

    def __init__(self, build):
        self.build = pathlib.Path(build)
        self.out = self.build / "tests/system/root.img"

    def programs(self):
        """Path in the machine → file of the host."""
        files = {"usr/bin/wpp": self.build / "tools/wpp/wpp"}
        for tool in TOOLS:
            found = shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin")
            if found:
                files[f"usr/bin/{tool}"] = pathlib.Path(found).resolve()
        for pattern in ("tests/process/process_*", "tests/process/test_*", "tools/*/wpp-*", "tests/system/guest_*"):
            for f in sorted(self.build.glob(pattern)):
                if f.is_file() and os.access(f, os.X_OK):
                    files[f"usr/bin/{f.name}"] = f
        return files

    def stamp(self, files):
        text = []
        host_libraries = [("libraries", pathlib.Path("/etc/ld.so.cache"))]
        for guest, host in sorted(files.items()) + [(p.name, p) for p in sorted(HERE.glob("guest/*"))] + host_libraries:
            st = host.stat()
            text.append(f"{guest} {host} {st.st_size} {st.st_mtime_ns}")
        return hashlib.sha256("\n".join(text).encode()).hexdigest()

    def get(self):
        files = self.programs()
        stamp = self.stamp(files)
        self.out.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.out.with_suffix(".lock")):
            stamp_file = self.out.with_suffix(".stamp")
            if not self.out.exists() or not stamp_file.exists() or stamp_file.read_text() != stamp:
                self.make(files)
                stamp_file.write_text(stamp)
        return self.out

    def make(self, files):
        with tempfile.TemporaryDirectory(dir=self.out.parent) as tmp:
            top = pathlib.Path(tmp) / "root"
            for d in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "usr/lib/modules", "etc", "proc", "sys", "dev",
                      "run", "tmp", "data", "pmem"):
                (top / d).mkdir(parents=True)
            for d in ("bin", "sbin", "lib", "lib64"):
                (top / d).symlink_to(f"usr/{d}")
            (top / "var").symlink_to("run")
            for lib in sorted({lib for f in files.values() for lib in libraries(f)}):
                files["usr" + re.sub("^/usr", "", lib)] = pathlib.Path(lib).resolve()
            for guest, host in files.items():
                (top / guest).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(host, top / guest)
            for applet in subprocess.check_output([need("busybox"), "--list"], text=True).split():
                if not (top / "usr/bin" / applet).exists():
                    (top / "usr/bin" / applet).symlink_to("busybox")
            for f in HERE.glob("guest/*"):
                if f.name != "init":
                    shutil.copy(f, top / "etc" / f.name)
            (top / "etc/passwd").write_text("root:x:0:0::/run:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
            (top / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
            new = self.out.with_suffix(".new")
            make_ext4(new, sum(f.stat().st_size for f in files.values()) // (1 << 20) * 5 // 4 + 32, top)
            os.replace(new, self.out)


def make_ext4(path, mib, directory=None):
    """A sparse file with an ext4, filled from a directory."""
    make_file(path, mib)
    how = ["-d", directory] if directory else []
    run("/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-E", "lazy_itable_init=0,root_owner=0:0", *how, path)


def make_file(path, mib):
    """A sparse file; what one that is there holds is kept."""
    with open(path, "ab") as f:
        f.truncate(mib << 20)
