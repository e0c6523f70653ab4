# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Block devices as media: what is in use or holds something is refused, and what is ours is not mounted. By loop
devices; skipped where they can't be made."""
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "programs"))
from harness import Wpp, can_recreate, skip, wait_for, alive  # noqa: E402

DONE, FAILED, USAGE, NOTHING, DAMAGED = range(5)
ENV = dict(os.environ, PATH="/usr/sbin:/sbin:" + os.environ.get("PATH", "/usr/bin:/bin"))


def run(*args, **more):
    return subprocess.run(args, env=ENV, text=True, stdin=subprocess.DEVNULL, capture_output=True, **more)


def tool(name):
    return shutil.which(name, path=ENV["PATH"])


class Devices(unittest.TestCase):
    backend = "nvme"

    def setUp(self):
        self.wpp = Wpp().__enter__()
        self.addCleanup(self.wpp.__exit__, None, None, None)
        self.device = self.attach("disk", 64)
        self.conf = self.wpp.dir / "device.conf"
        self.use(self.device)

    def attach(self, name, mib, *options):
        file = self.wpp.dir / name
        with open(file, "wb") as f:
            f.truncate(mib << 20)
        done = run("losetup", "--find", "--show", *options, file)
        if done.returncode:
            self.skipTest(f"no loop device here: {done.stderr.strip()}")
        self.addCleanup(run, "losetup", "--detach", done.stdout.strip())
        return done.stdout.strip()

    def use(self, device):
        self.conf.write_text(f"[wpp]\nbackend = {self.backend}\npath = {device}\n")
        self.wpp.env["WPP_CONF"] = str(self.conf)

    def sh(self, *args, code=DONE):
        done = subprocess.run([self.wpp.command, *args], env=self.wpp.env, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(done.returncode, code, f"wpp {args}: {done.stdout}{done.stderr}")
        return done.stderr

    def mkfs(self, device):
        tool("mkfs.ext4") or self.skipTest("mkfs.ext4 is not installed")
        run("mkfs.ext4", "-q", "-F", device, check=True)

    def partition(self, device):
        """An MBR with one partition of 40 MiB behind the first."""
        entry = struct.pack("<B3sB3sII", 0, b"\0\0\0", 0x83, b"\0\0\0", 2048, 40 << 11)
        with open(device, "r+b") as f:
            f.write(bytes(446) + entry + bytes(48) + b"\x55\xaa")

    def mount(self, device):
        where = self.wpp.dir / "mnt"
        where.mkdir()
        done = run("mount", device, where)
        if done.returncode:
            self.skipTest(f"nothing can be mounted here: {done.stderr.strip()}")
        self.addCleanup(run, "umount", where)
        return where

    def test_blank_device_is_formatted_but_only_when_told(self):
        self.assertIn("wpp format", self.sh("ls", code=DAMAGED))
        self.sh("format")
        self.sh("ls")
        self.assertIn("--force", self.sh("format", code=FAILED))
        self.sh("format", "--force")

    def test_file_system_takes_force(self):
        self.mkfs(self.device)
        self.assertIn("ext4", self.sh("format", code=DAMAGED))
        self.assertIn("ext4", self.sh("qualify", self.device, code=DAMAGED))
        self.assertIn("ext4", run("blkid", "-p", self.device).stdout)
        self.sh("format", "--force")
        self.sh("ls")

    def test_what_nobody_knows_takes_force(self):
        with open(self.device, "r+b") as f:
            f.write(b"precious" * 100)
        self.assertIn("something else", self.sh("format", code=DAMAGED))

    def test_partition_table_takes_force(self):
        self.partition(self.device)
        self.assertIn("partition table", self.sh("format", code=DAMAGED))

    def test_mounted_device_is_refused_even_by_force(self):
        self.mkfs(self.device)
        where = self.mount(self.device)
        (where / "precious").write_text("data")
        for args in (("format",), ("format", "--force"), ("qualify", "--force", self.device),
                     ("qualify", "--write", "--force", self.device)):
            self.assertIn(f"mounted on {where}", self.sh(*args, code=FAILED))
        self.assertEqual((where / "precious").read_text(), "data")

    def test_disk_with_a_mounted_partition_is_refused(self):
        disk = self.attach("parted", 64, "--partscan")
        self.partition(disk)
        run("partx", "--add", disk)
        self.addCleanup(run, "partx", "--delete", disk)
        part = disk + "p1"
        if not os.path.exists(part):
            self.skipTest("no device nodes for partitions of loop devices here")
        self.mkfs(part)
        where = self.mount(part)
        self.use(disk)
        self.assertIn(f"mounted on {where}", self.sh("format", "--force", code=FAILED))
        run("umount", where, check=True)
        self.use(part)
        self.sh("format", "--force")
        self.sh("ls")

    def test_what_another_program_claims_is_refused(self):
        fd = os.open(self.device, os.O_RDWR | os.O_EXCL)
        self.addCleanup(os.close, fd)
        self.assertIn("uses it", self.sh("format", "--force", code=FAILED))

    def test_blocks_of_unknown_size_are_refused(self):
        if self.backend != "nvme":
            self.skipTest("pmem moves pages only")
        odd = self.attach("odd", 64, "--sector-size", "2048")
        self.use(odd)
        self.assertIn("2048", self.sh("format", "--force", code=FAILED))

    @unittest.skipUnless(can_recreate(), "a pid can't be chosen")
    def test_a_process_survives_on_it(self):
        for sector in "512", "4096":
            self.use(self.attach("disk" + sector, 64, "--sector-size", sector))
            self.sh("format")
            out = self.wpp.dir / f"counter{sector}.out"
            pid = self.wpp.run("counter" + sector, os.environ["COUNTER"], out)
            wait_for("the counter", lambda: out.exists() and out.stat().st_size > 4)
            self.wpp.persist_kill("counter" + sector, pid)
            self.sh("verify")
            size = out.stat().st_size
            self.wpp.recreate("counter" + sector, pid)
            wait_for("the counter to go on", lambda: out.stat().st_size > size)
            os.kill(pid, 9)
            wait_for("the counter to be gone", lambda: not alive(pid))


class PmemOnDevices(Devices):
    backend = "pmem"


if __name__ == "__main__":
    if os.geteuid() != 0 or not tool("losetup"):
        skip("loop devices need root and losetup")
    unittest.main(verbosity=2)
