# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Runs real programs under wpp: start, persist, kill, recreate. Used by every test in this folder."""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SKIP = 77
PR_SET_CHILD_SUBREAPER = 36

# A recreated process is orphaned when `wpp recreate --detach` ends: it becomes our child, and we reap it at once.
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def skip(why):
    print("skipped:", why)
    sys.exit(SKIP)


def can_recreate():
    """May we choose a pid? CAP_CHECKPOINT_RESTORE (40) or CAP_SYS_ADMIN (21)."""
    status = pathlib.Path("/proc/self/status").read_text()
    effective = int(status.split("CapEff:")[1].split()[0], 16)
    return bool(effective & (1 << 40 | 1 << 21))


def need_recreate():
    return can_recreate() or skip("a pid can't be chosen without CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN")


def need(program):
    """The path of a program from Debian's packages; skips the test when it is not installed."""
    found = shutil.which(program, path="/usr/bin:/usr/sbin:/bin")
    return found or skip(f"{program} is not installed")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, condition, seconds=60):
    """Polls until condition() is true. The limit only guards against hangs: it counts looks, not time, so that
    a machine that stands still for a while, and us with it, is none."""
    for _ in range(seconds * 50):
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for {what}")


def reap(pid):
    """True when it is a child of ours that has not ended with all its threads."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == 0
    except ChildProcessError:
        return False


def alive(pid):
    if reap(pid):
        return True
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def field(text, key):
    """Of /proc/PID/status: the word behind "key:"."""
    return next((line.split()[1] for line in text.splitlines() if line.startswith(key + ":")), None)


def threads(pid):
    """The status texts of all threads, by their ids. One that ends meanwhile is left out."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        try:
            found[int(task.name)] = (task / "status").read_text()
        except OSError:
            pass
    return found


def left_stopped(pid):
    """Threads that wait for a tracer which is gone."""
    return [tid for tid, status in threads(pid).items() if field(status, "State") in ("t", "T")]


def evidence(pid):
    """What /proc tells of a process that does not do what it should."""
    text = f"--- pid {pid}\n"
    keys = "State TracerPid SigPnd ShdPnd SigBlk SigIgn SigCgt voluntary_ctxt_switches nonvoluntary_ctxt_switches"
    for tid, status in threads(pid).items():
        text += f"thread {tid}: " + ", ".join(f"{key} {field(status, key)}" for key in keys.split()) + "\n"
        for name in ("wchan", "syscall", "stat", "stack"):
            try:
                text += f"  {name}: " + pathlib.Path(f"/proc/{pid}/task/{tid}/{name}").read_text().strip() + "\n"
            except OSError as e:
                text += f"  {name}: {e.strerror}\n"
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            if "(wpp" in stat.read_text():
                text += f"wpp: {stat.read_text()}"
        except OSError:
            pass
    return text


class Wpp:
    """One medium, one configuration, and the wpp command on them, in a directory of its own."""

    def __init__(self, size="256M", files="strict", where=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="wpp-test-", dir=where))
        self.command = os.environ.get("WPP", "wpp")
        conf = self.dir / "wpp.conf"
        self.backend = os.environ.get("WPP_TEST_BACKEND", "pmem")
        conf.write_text(f"[wpp]\nbackend = {self.backend}\npath = {self.dir}/medium.wpp\nsize = {size}\nfiles = {files}\n")
        self.env = dict(os.environ, WPP_CONF=str(conf), WPP_RUN_DIR=str(self.dir / "run"))
        self.pids = set()
        self.starters = []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        failed = kind and not issubclass(kind, SystemExit)
        for pid in self.pids:
            if failed:
                print(evidence(pid))
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for starter in self.starters:
            starter.wait()
        if failed:
            for log in sorted(self.dir.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}")
        shutil.rmtree(self.dir, ignore_errors=True)

    def call(self, *args, ok=True):
        """Runs `wpp --json ARGS` and gives its document; ok=False gives the finished process instead."""
        done = subprocess.run([self.command, "--json", *args], env=self.env, text=True, timeout=300,
                              stdin=subprocess.DEVNULL, capture_output=True)
        if not ok:
            return done
        if done.returncode:
            raise AssertionError(f"wpp {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        if done.stderr:
            print(done.stderr, end="")
        return json.loads(done.stdout) if done.stdout else None

    def run(self, name, *argv, stdin=subprocess.DEVNULL):
        """Starts a program with `wpp run` away from our session; its pid."""
        with open(self.dir / f"{name}.log", "a") as log:
            starter = subprocess.Popen([self.command, "run", "--name", name, "--", *map(str, argv)], env=self.env,
                                       cwd=self.dir, stdin=stdin, stdout=log, stderr=log, start_new_session=True)
        self.starters.append(starter)

        def pid():
            if starter.poll() is not None:
                raise AssertionError(f"{name} ended with {starter.returncode}")
            return next((i["pid"] for i in self.call("ls")["images"] if i["name"] == name), None)

        found = wait_for(f"{name} to be tracked", pid)
        self.pids.add(found)
        return found

    def persist_kill(self, name, pid, *args):
        saved = self.call("persist", name, "--then=kill", *args)
        wait_for(f"pid {pid} to be gone", lambda: not alive(pid))
        return saved

    def recreate(self, name, pid, *args):
        """Recreates and checks that the pid is the same."""
        done = self.call("recreate", name, "--detach", *args)
        assert done["pid"] == pid, f"pid {done['pid']}, was {pid}"
        assert alive(pid), "it is gone right after the recreation"
        return done

    def round_trip(self, name, pid):
        need_recreate()
        saved = self.persist_kill(name, pid)
        done = self.recreate(name, pid)
        print(f"{name}: generation {saved['generation']}, {saved['bytes'] >> 20} MiB, frozen "
              f"{saved['frozen_ns'] / 1e6:.1f} ms, durable {saved['durable_ns'] / 1e6:.1f} ms, first "
              f"instruction {done['first_instruction_ns'] / 1e6:.1f} ms")
