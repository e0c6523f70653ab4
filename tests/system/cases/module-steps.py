# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The power goes at every step that the module makes towards its medium: each write and flush handed to the device, and
each that it has done. The file of the medium shows the generation before or the new one, whole. Words: nvme or fpga.

A module built with WPP_TEST=1 pauses the machine there, by QEMU's pvpanic, so that all steps are seen in few boots.
Each twentieth cut is real: SIGKILL, boot, recreate."""
import time

from module import Module, take
from stripes import Stripes, check_image
from workloads import wpp

PORT = 0x505
REAL = 20


class Steps(Module):
    def __init__(self, lab, name):
        super().__init__(lab, name, mib=64, parameters=f"cut_port={PORT}")
        take(lab, f"{lab.kernel.name}-test")
        self.stripes, self.saved, self.machine = Stripes(), 0, None

    def boot(self):
        m = self.machine = super().boot(argv=["-device", f"pvpanic,ioport={PORT}", "-action", "panic=pause"])
        if not self.saved:
            m.sh("wpp -q format --force")
            self.stripes.start(m)
            self.saved = wpp(m, "persist", "stripes")["generation"]
        else:
            self.stripes.recreate(m)
            assert self.stripes.generation == self.saved, (self.stripes.generation, self.saved)
            self.stripes.check(m)

    def persist(self, step):
        """To the step, where the machine pauses; False: there are not that many."""
        m = self.machine
        m.start(f"echo {step} >/sys/module/wpp/parameters/cut_step; wpp --json persist stripes")
        end = time.monotonic() + 60
        while "guest-panicked" not in m.ask("info status"):
            assert time.monotonic() < end, "neither done nor paused"
            if m.heard():
                code, out = m.finish()
                assert code == 0, out
                return False
        return True

    def look(self):
        """The newest generation that a cut would leave now; all that is there is whole."""
        self.host("verify")
        newest = max(i["generation"] for i in self.host("ls")["images"])
        assert self.saved <= newest <= self.saved + 1, (newest, self.saved)
        core = self.lab.dir / "core"
        self.run_on_host("export", "--core", "stripes", "-o", str(core))
        check_image(core.read_bytes())
        return newest

    def go_on(self):
        self.machine.monitor("cont")
        code, out = self.machine.finish()
        assert code == 0, out
        self.saved += 1

    def cut(self, newest):
        self.machine.kill()
        self.saved = newest
        self.boot()


def run(lab, args):
    s = Steps(lab, args.words[0])
    s.boot()
    step, seen = 1, set()
    while s.persist(step):
        newest = s.look()
        seen.add(newest > s.saved)
        lab.say(f"step {step}: {'the new generation' if newest > s.saved else 'the old one'}, {newest}")
        if step % REAL:
            s.go_on()
        else:
            s.cut(newest)
        step += 1
    assert seen == {False, True}, f"{step - 1} steps can't be all"
    s.machine.kill()
