# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What a case works with: kernels, disks, media and boots, and a directory that keeps the logs."""
import collections
import os
import pathlib
import subprocess
import time

import images
from machine import Machine
from need import need, skip

SCRIPTS = images.HERE.parents[1] / "scripts"
Kernel = collections.namedtuple("Kernel", "name release vmlinuz modules headers")


def kernels():
    listed = subprocess.check_output([SCRIPTS / "kernels", "list"], text=True)
    return {k.name: k for k in (Kernel(n, r, *map(pathlib.Path, p)) for n, r, *p in map(str.split, listed.splitlines()))}


class Lab:
    """One run of one case. Attributes for cases: kernel, dir, build."""

    def __init__(self, build, directory, kernel, extra, cpus):
        for program in "qemu-system-x86_64 busybox cpio depmod mke2fs ndctl redis-server redis-cli".split():
            need(program)
        self.build = pathlib.Path(build).resolve()
        self.dir = pathlib.Path(directory).resolve()
        self.all_kernels = kernels()
        self.kernel = self.get_kernel(kernel)
        self.extra = dict(extra)
        self.cpus = cpus
        # A link: another run may make a newer one, and this case goes on with what it began with.
        self.root = self.dir / "root.img"
        os.link(images.Root(self.build).get(), self.root)
        self.machines = []
        self.begin = time.monotonic()
        if not (self.dir / "data.img").exists():
            images.make_ext4(self.dir / "data.img", 64)

    def say(self, *what):
        print(f"{time.monotonic() - self.begin:7.1f} s", *what, flush=True)

    def get_kernel(self, name):
        return self.all_kernels.get(name) or skip(f"kernel {name} is not there (scripts/kernels fetch)")

    def boot(self, *media, append="", kernel=None, cpus=None, icount=None, argv=(), terminal=False):
        """Boots with the media attached. The root disk is read-only, /data is kept over boots."""
        kernel = self.get_kernel(kernel) if kernel else self.kernel
        number = len(self.machines) + 1
        initrd = self.dir / f"initrd-{kernel.name}"
        if not initrd.exists():
            images.make_initramfs(kernel, self.extra, initrd)
        board, memory = ["q35"], ["1G"]
        for medium in media:
            board += medium.board
            memory += medium.memory
        more = ["-M", ",".join(board), "-m", ",".join(memory), *self.disk("root", self.root, True),
                *self.disk("data", self.dir / "data.img", False)]
        for medium in media:
            medium.plug()
            more += medium.argv
        m = Machine(kernel, initrd, [*more, *argv], self.dir / f"boot{number}.log", append,
                    cpus or self.cpus, icount, media, terminal)
        # What runs now has ids that the next boot does not use.
        m.sh(f"sysctl -q kernel.pid_max=4194304 kernel.ns_last_pid={10000 * number}")
        self.machines.append(m)
        return m

    @staticmethod
    def disk(name, path, readonly):
        return ["-drive", f"file={path},if=none,id={name},format=raw,readonly={'on' if readonly else 'off'}", "-device",
                f"virtio-blk-pci,drive={name}"]

    def close(self):
        """Ends what still runs; complains of what the kernels complained of."""
        for m in self.machines:
            if m.qemu.poll() is None:
                m.kill()
        for m in self.machines:
            assert not m.complaints(), f"{m.console.name}: the kernel complained\n{m.complaints()}"
