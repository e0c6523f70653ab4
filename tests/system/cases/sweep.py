# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The power goes at random moments while a process is saved again and again: what was reported saved is there,
and nothing is mixed. Words: how many moments (20), nvme or fpga, a seed. The FPGA has a volatile cache, and tears
what it is doing.

Most moments are looked at without ending the machine: QEMU is stopped as a whole, and what lies in the file of the
medium at that instant, which is all that the next boot would see, is copied and examined on the host. Each tenth (of
more than a hundred: twentieth)
one is real: SIGKILL, boot, recreate, and the program checks itself."""
import json
import os
import pathlib
import random
import select
import signal
import subprocess
import time

import media
from stripes import Stripes, check_image
from workloads import configure

AGAIN = """while wpp -q --json persist stripes --then=continue >/run/out; do
    sed -n 's/.*"generation": *\\([0-9]*\\).*/SAVED \\1/p' /run/out | head -1
done
exit 1"""


class Run:
    def __init__(self, lab, medium, seed):
        self.lab, self.random = lab, random.Random(seed)
        self.medium, self.stripes, self.saved = medium, Stripes(), 0
        self.machine = None
        self.conf = lab.dir / "host.conf"
        self.copy = lab.dir / "copy.img"
        self.conf.write_text(f"[wpp]\nbackend = pmem\npath = {self.copy}\n[pmem]\naccess = buffered\n")

    def boot(self):
        m = self.machine = self.lab.boot(self.medium)
        m.sh(self.medium.prepare)
        configure(m, **self.medium.conf)
        if not self.saved:
            m.sh("wpp -q format")
            self.stripes.start(m)
        else:
            done = self.stripes.recreate(m)
            assert self.saved <= done["generation"] <= self.saved + 1, (self.saved, done["generation"])
            self.saved = done["generation"]
            self.stripes.check(m)
        m.start(AGAIN)

    def hear(self, seconds):
        """Listens for a while; remembers the newest generation that was reported."""
        end = time.monotonic() + seconds
        while select.select([self.machine.control], [], [], max(0, end - time.monotonic()))[0] or b"\n" in self.machine.rest:
            try:
                said = self.machine.line()
            except OSError:  # the power is off, and this was all
                return
            assert said.startswith("SAVED "), said
            self.saved = int(said[6:])

    def processes(self):
        """QEMU, and the device that is no part of it."""
        return [p for p in (self.machine.qemu, getattr(self.medium, "device", None)) if p]

    def stop(self):
        for p in self.processes():
            os.kill(p.pid, signal.SIGSTOP)
        for p in self.processes():
            while any("\nState:\tT" not in f.read_text() for f in pathlib.Path(f"/proc/{p.pid}/task").glob("*/status")):
                time.sleep(0.001)

    def look(self):
        """Examines what a power cut would leave now."""
        self.stop()
        self.hear(0)
        subprocess.run(["cp", "--sparse=always", self.medium.file, self.copy], check=True)
        for p in self.processes():
            p.send_signal(signal.SIGCONT)
        self.host("verify")
        images = json.loads(self.host("--json", "ls"))["images"]
        newest = max(i["generation"] for i in images)
        assert self.saved <= newest <= self.saved + 1, f"generation {newest}, reported was {self.saved}"
        core = self.lab.dir / "core"
        self.host("export", "--core", "stripes", "-o", core)
        return newest, check_image(core.read_bytes())

    def host(self, *words):
        command = [self.lab.build / "tools/wpp/wpp", "--config", self.conf, *words]
        done = subprocess.run(command, text=True, capture_output=True)
        assert done.returncode == 0, f"wpp {words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def cut(self):
        self.machine.qemu.kill()
        self.machine.qemu.wait()
        self.hear(0)
        self.machine.kill()
        self.boot()


def run(lab, args):
    moments = int(args.words[0]) if args.words else 20
    kind = args.words[1] if len(args.words) > 1 else "nvme"
    seed = int(args.words[2]) if len(args.words) > 2 else random.randrange(1 << 32)
    lab.say(f"{moments} moments, {kind}, seed {seed}")
    knobs = {"knobs": ("--cache", "1M", "--torn", "--seed", str(seed))} if kind == "fpga" else {}
    r = Run(lab, media.KINDS[kind](lab, mib=64, **knobs), seed)
    r.boot()
    while not r.saved:
        r.hear(0.1)
    for moment in range(1, moments + 1):
        r.hear(r.random.uniform(0, 0.5))
        if moment % (20 if moments > 100 else 10) == 0:
            r.cut()
            lab.say(f"moment {moment}: power cut, generation {r.saved} went on")
        else:
            generation, n = r.look()
            lab.say(f"moment {moment}: generation {generation}, reported {r.saved}, stripes at {n}")
    r.cut()
