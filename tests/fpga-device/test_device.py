# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""wpp-fpga-device as a program: starts a QEMU (a small stand-in), passes the socket, ends as it ends."""
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

DEVICE = os.environ.get("DEVICE")
VENDOR, CFG_READ, RET = 0x1234, 3, 1


def stand_in(argv):
    """What the device starts instead of QEMU: asks for the vendor id, then ends as it is told."""
    fd = int(argv[1].split("fd=")[1].split(",")[0])
    with socket.socket(fileno=fd) as s:
        s.sendall(struct.pack("=iIQIIi", CFG_READ, 0, 12, 0, 0, 2))
        cmd, _, size, value = struct.unpack("=iIQQ", s.recv(24, socket.MSG_WAITALL))
        assert (cmd, size, value) == (RET, 8, VENDOR), (cmd, size, value)
        how = argv[2]
        if how == "break":
            s.sendall(struct.pack("=iIQ", 99, 0, 0))
            assert s.recv(1) == b""
            return 0
        if how == "wait":
            print("waiting", flush=True)
            time.sleep(60)
        if how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return int(how)


class Device(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.medium = pathlib.Path(self.dir.name, "medium")

    def command(self, how, *options, fd="x-pci-proxy-dev,id=wpp,fd=FD"):
        return [DEVICE, "--medium", self.medium, "--size", "1M", *options, "--", sys.executable, __file__, "stand-in",
                fd, how]

    def run_device(self, argv, code):
        done = subprocess.run(argv, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr

    def test_gives_the_exit_code(self):
        self.run_device(self.command("0"), 0)
        self.run_device(self.command("7", fd="x-pci-proxy-dev,fd=FD,addr=0x5"), 7)
        self.run_device(self.command("die"), 128 + signal.SIGKILL)

    def test_medium_is_made_once_and_kept(self):
        said = self.run_device(self.command("0", "--verbose"), 0)
        self.assertIn("1 messages", said)
        self.assertEqual(self.medium.stat().st_size, 1 << 20)
        self.assertEqual(self.medium.stat().st_mode & 0o777, 0o600)
        self.medium.write_bytes(bytes(range(256)) * 64)
        self.run_device(self.command("0"), 0)
        self.assertEqual(self.medium.read_bytes(), bytes(range(256)) * 64)

    def test_signal_ends_both(self):
        with subprocess.Popen(self.command("wait"), stdout=subprocess.PIPE, text=True) as device:
            self.assertEqual(device.stdout.readline(), "waiting\n")
            device.terminate()
            self.assertEqual(device.wait(60), 128 + signal.SIGTERM)

    def test_medium_is_for_one(self):
        with subprocess.Popen(self.command("wait"), stdout=subprocess.PIPE, text=True) as device:
            self.assertEqual(device.stdout.readline(), "waiting\n")
            self.assertIn("another device", self.run_device(self.command("0"), 1))
            device.terminate()
            device.wait(60)

    def test_broken_protocol_is_said(self):
        self.assertIn("Protocol error", self.run_device(self.command("break"), 1))

    def test_inherited_socket(self):
        ours, theirs = socket.socketpair()
        argv = [DEVICE, "--medium", self.medium, "--size", "1M", "--fd", str(theirs.fileno())]
        with subprocess.Popen(argv, pass_fds=[theirs.fileno()]) as device:
            theirs.close()
            ours.close()
            self.assertEqual(device.wait(60), 0)

    def test_wrong_usage(self):
        for argv, text in (([DEVICE], "--medium"), ([DEVICE, "--medium", "x"], "--fd"),
                           ([DEVICE, "--medium", "x", "--fd", "3", "--", "true"], "--fd"),
                           (self.command("0", "--bandwidth", "fast"), "fast"),
                           (self.command("0", "--size", "1000"), "1000"),
                           (self.command("0", "--error-at", "3:x"), "3:x"),
                           (self.command("0", "--latency", "99999999999999999999"), "--latency")):
            self.assertIn(text, self.run_device(argv, 2))
        self.assertIn("fd=FD", self.run_device(self.command("0", fd="fd=3"), 1))
        self.assertIn("out of range", self.run_device(self.command("0", "--max-transfer", "100"), 1))
        self.assertIn("can't be opened", self.run_device([DEVICE, "--medium", "/nowhere/x", "--fd", "3"], 1))

    def test_help_and_version(self):
        done = subprocess.run([DEVICE, "--help"], text=True, capture_output=True, check=True)
        man = pathlib.Path(os.environ["MAN"]).read_text().replace("\\-", "-")
        for option in [w for w in done.stdout.split() if w.startswith("--") and len(w) > 2]:
            if option not in ("--help", "--version"):
                self.assertIn(option, man)
        done = subprocess.run([DEVICE, "--version"], text=True, capture_output=True, check=True)
        self.assertRegex(done.stdout, r"^wpp-fpga-device \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    if sys.argv[1:2] == ["stand-in"]:
        sys.exit(stand_in(sys.argv[1:]))
    unittest.main()
