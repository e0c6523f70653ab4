#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""make_records.py BUILD [VERSION]: once a release, a medium with real processes of every kind.

Runs programs of tests/process, persists each under the name of what it shows and writes
records-VERSION.img.xz, with what `wpp inspect --json` says of each image in records-VERSION.json.xz.
As root. The images know nothing of this machine but its processor: programs are built and run in a
folder of their own, without an environment, uname() is answered by KERNEL, and a path that the
kernel's builder left in the vdso is blanked.
"""
import json
import lzma
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = HERE.parent / "process/programs"
ROOM = pathlib.Path("/tmp/wpp-golden")
KERNEL = "6.18.0"
SIZE = "24M"
# image: program, its arguments
IMAGES = {
    "single": ("counter",), "threads": ("threads",), "signals": ("signals",), "timers": ("timers",),
    "credentials": ("creds", "root"), "limits": ("limits",), "sched": ("sched",),
    "directories": ("directories", "chroot"),
    "mapped-files": ("memory_files",), "memory-objects": ("memory_objects",), "guards": ("guards",),
    "regular-files": ("fd_regular",), "nameless-files": ("fd_nameless",), "pipes": ("fd_pipes",),
    "events": ("fd_events",), "timerfds": ("fd_timers",), "inotify": ("fd_inotify",),
    "locks": ("fd_locks",), "unix-sockets": ("fd_unix",), "inet-sockets": ("fd_inet",),
    "terminal": ("terminal",), "lossy": ("counter",),
}
UNAME = r"""
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
int uname(struct utsname *u)
{
	int err = (int)syscall(SYS_uname, u);
	strcpy(u->release, "%s");
	return err;
}
""" % KERNEL


class Maker:
    def __init__(self, build):
        self.wpp = build / "tools/wpp/wpp"
        self.medium = ROOM / "medium"
        (ROOM / "wpp.conf").write_text(f"[wpp]\npath = {self.medium}\nsize = {SIZE}\n")
        (ROOM / "uname.c").write_text(UNAME)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", ROOM / "uname.so", ROOM / "uname.c"], check=True)
        self.run("format", "--force")

    def run(self, *args):
        return subprocess.run([self.wpp, "--config", ROOM / "wpp.conf", *args], check=True, text=True,
                              stdout=subprocess.PIPE, env={"LD_PRELOAD": ROOM / "uname.so"}).stdout

    def start(self, name, program, args):
        """The program under the image's name, until it says that its state is built."""
        path, talk = ROOM / name, ROOM / f"{name}.talk"
        subprocess.run(["cc", "-O2", "-pthread", "-o", path, f"{program}.c"], cwd=PROGRAMS, check=True)
        talk.mkdir()
        master, slave = pty.openpty() if name == "terminal" else (-1, os.open("/dev/null", os.O_RDWR))
        child = os.fork()
        if not child:
            os.setsid()
            for number in range(3):
                os.dup2(slave, number)
            if master >= 0:
                os.closerange(3, slave)
                os.dup2(os.open(os.ttyname(0), os.O_RDWR), 100)  # and now it controls
            os.closerange(3, 100)
            if name == "lossy":
                os.dup2(os.pidfd_open(os.getppid()), 100)
                os.dup2(os.pidfd_open(os.getpid()), 101)
                os.closerange(3, 100)
            os.closerange(102, 65536)
            os.chdir("/")
            os.execve(path, [str(path), *args], {"WPP_TEST_DIR": str(talk)})
        os.close(slave)
        for _ in range(1000):
            if (talk / "ready").exists():
                return child
            if (talk / "skip").exists():
                sys.exit(f"{name}: {(talk / 'skip').read_text()}")
            time.sleep(0.01)
        sys.exit(f"{name}: not ready")

    @staticmethod
    def blank_vdso(pid):
        where = next(line for line in open(f"/proc/{pid}/maps") if "[vdso]" in line)
        start, end = (int(x, 16) for x in where.split()[0].split("-"))
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as mem:
            mem.seek(start)
            for path in re.finditer(rb"/[!-~]{12,}", mem.read(end - start)):
                mem.seek(start + path.start())
                mem.write(bytes(len(path[0])))

    def make(self, name, program, *args):
        child = self.start(name, program, args)
        try:
            self.blank_vdso(child)
            loss = ["--allow-lossy=pidfd"] if name == "lossy" else []
            self.run("persist", str(child), "--then=continue", *loss)
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def save(name, content):
    with lzma.open(HERE / name, "wb", preset=9 | lzma.PRESET_EXTREME) as f:
        f.write(content)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    version = sys.argv[2] if len(sys.argv) > 2 else "0.1"
    shutil.rmtree(ROOM, ignore_errors=True)
    ROOM.mkdir()
    maker = Maker(build)
    for name, what in IMAGES.items():
        maker.make(name, *what)
    shown = {name: json.loads(maker.run("--json", "inspect", name)) for name in IMAGES}
    save(f"records-{version}.json.xz", (json.dumps(shown, indent=1) + "\n").encode())
    save(f"records-{version}.img.xz", maker.medium.read_bytes())
    shutil.rmtree(ROOM)


main()
