# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A machine in QEMU: boots, runs scripts that the host sends, loses its power."""
import base64
import ctypes
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
BOOT = ("console=ttyS0 panic=-1 no_timer_check nowatchdog rcupdate.rcu_cpu_stall_suppress=1 loglevel=5 "
        "printk.devkmsg=on")
GUARD = 120  # seconds; only against hangs
# Not what a busy host can cause by starving the machine: stalls, lockups, unstable clocks.
BROKEN = re.compile(r"Kernel panic|Oops|BUG: (?!soft)|WARNING: |general protection|possible (circular|recursive)|"
                    r"inconsistent lock state|suspicious RCU|unreferenced object")


class Died(OSError):
    """QEMU ended."""


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Machine:
    """argv: what QEMU gets besides. console: file that takes the first serial line; terminal: it is ours."""

    def __init__(self, kernel, initrd, argv, console, append="", cpus=1, icount=None, media=(), terminal=False):
        self.console = pathlib.Path(console)
        self.sockets = self.console.with_suffix("")
        self.sockets.mkdir()
        self.rest = b""
        self.media = media
        command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", str(cpus), "-display",
                   "none", "-monitor", "none", "-no-reboot", "-nodefaults", "-kernel", kernel.vmlinuz, "-initrd",
                   initrd, "-append", f"{BOOT} {append}".strip(),
                   "-serial", "mon:stdio" if terminal else f"file:{self.console}", "-chardev", "socket,id=control,path=control,server=on,wait=on",
                   "-serial", "chardev:control", "-chardev", "socket,id=mon,path=monitor,server=on,wait=off", "-mon",
                   "chardev=mon,mode=readline", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", *argv]
        command += ["-icount", icount] if icount else []
        command = [str(a) for a in command]
        (self.sockets / "command").write_text(" ".join(command) + "\n")
        passed = [int(n) for n in re.findall(r"\bfd=(\d+)", " ".join(command))]
        with open(self.sockets / "qemu.log", "w") as log:
            streams = {} if terminal else {"stdin": subprocess.DEVNULL, "stdout": log}
            self.qemu = subprocess.Popen(command, cwd=self.sockets, preexec_fn=die_with_parent, stderr=log,
                                         pass_fds=passed, **streams)
        for fd in passed:  # the other end has to see when QEMU ends
            os.close(fd)
        self.control = socket.socket()
        try:
            self.control = self.connect("control")
            self.expect("READY")
        except BaseException:
            self.kill()
            raise

    def connect(self, name):
        # A path relative to the directory: the length of a socket's name is limited.
        here = os.open(self.sockets, os.O_PATH)
        end = time.monotonic() + GUARD
        try:
            while time.monotonic() < end:
                s = socket.socket(socket.AF_UNIX)
                try:
                    s.connect(f"/proc/self/fd/{here}/{name}")
                    return s
                except OSError:
                    s.close()
                    if self.qemu.poll() is not None:
                        raise Died((self.sockets / "qemu.log").read_text())
                    time.sleep(0.01)
        finally:
            os.close(here)
        raise AssertionError(f"no socket {name}")

    def line(self, seconds=GUARD):
        """The next line on the control line."""
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            if not select.select([self.control], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"nothing from the machine in {seconds} s; it said: {self.rest!r}")
            data = self.control.recv(65536)
            if not data:
                raise Died("the machine ended")
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode(errors="replace").rstrip("\r")

    def expect(self, text):
        while self.line() != text:
            pass

    def start(self, script):
        """Sends a script; its output is read with line() or finish()."""
        self.control.sendall(base64.b64encode(script.encode()) + b"\n")

    def finish(self, seconds=GUARD):
        """Reads to the end of the script: exit code, output."""
        out = []
        while True:
            line = self.line(seconds)
            if re.fullmatch(r"DONE \d+", line):
                if out and not out[-1]:
                    out.pop()
                return int(line[5:]), "\n".join(out)
            out.append(line)

    def sh(self, script, ok=True, seconds=GUARD):
        """Runs a script; its output. ok=False: exit code and output."""
        self.start(script)
        code, out = self.finish(seconds)
        if not ok:
            return code, out
        assert code == 0, f"exit {code} of: {script}\n{out}"
        return out

    def monitor(self, command):
        """A command for QEMU's monitor: nmi, system_powerdown, o /b 0xb2 0x55 ..."""
        with self.connect("monitor") as s:
            s.sendall(command.encode() + b"\n")
            time.sleep(0.1)

    def ask(self, command):
        """What QEMU's monitor answers: info status ..."""
        said = b""
        with self.connect("monitor") as s:
            s.settimeout(GUARD)
            while not said.endswith(b"(qemu) "):
                said += s.recv(4096)
            s.sendall(command.encode() + b"\n")
            said = b""
            while not said.endswith(b"(qemu) "):
                said += s.recv(4096)
        return said.decode(errors="replace")

    def heard(self):
        """Has the script said something?"""
        return b"\n" in self.rest or bool(select.select([self.control], [], [], 0.05)[0])

    def kill(self):
        """The power fails."""
        self.qemu.kill()
        self.wait_end()

    def wait_end(self, seconds=GUARD):
        """QEMU ends by itself; its exit code (isa-debug-exit: 2 * value + 1)."""
        code = self.qemu.wait(seconds)
        self.control.close()
        for medium in self.media:
            medium.unplug()
        return code

    def off(self):
        """Shuts down in order."""
        self.start("umount /pmem 2>/dev/null; umount /data; sync; poweroff -f")
        return self.wait_end()

    def complaints(self):
        """What the kernel said of bugs."""
        text = self.console.read_text(errors="replace") if self.console.exists() else ""
        found = BROKEN.search(text)
        return text[max(0, found.start() - 300):found.start() + 3000] if found else ""
