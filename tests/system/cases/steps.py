# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The power goes before every single step that a persist makes towards the medium, one step a boot. The
process goes on from the generation before, or from the new one: then its commit was complete. Words: a medium, the
step to begin with."""
import re

import media
from stripes import Stripes
from workloads import configure, wpp

EXIT = 0x10 * 2 + 1


def persist(m, cut):
    """Exit code of QEMU, or None and how many steps there were."""
    m.start(f"WPP_CUT={cut} LD_PRELOAD=/usr/bin/guest_cut.so wpp --json -q persist stripes --then=continue")
    try:
        code, out = m.finish()
    except OSError:
        return m.wait_end(), 0
    assert code == 0, out
    return None, int(out.split("STEPS ")[1].split()[0])


def verify(m):
    """All images are good. A commit record that the cut has torn is told, and was not taken."""
    code, text = wpp(m, "verify", ok=False)
    states = re.findall(r'"state": "([^"]*)"', text)
    assert states and set(states) == {"good"}, text
    assert code == 0 or code == 4 and "commit record" in text, text


def run(lab, args):
    name = args.words[0] if args.words else "nvme"
    medium = media.KINDS[name](lab, mib=64)
    stripes = Stripes()

    def boot(first):
        m = lab.boot(medium)
        m.sh(medium.prepare)
        configure(m, **medium.conf)
        if first:
            m.sh("wpp -q format")
            stripes.start(m)
            wpp(m, "persist", "stripes", "--then=continue")
        else:
            stripes.recreate(m)
            stripes.check(m)
        return m

    m, saved = boot(True), 1
    _, steps = persist(m, 0)
    saved += 1
    assert steps >= 4, f"{steps} steps can't be all"
    for cut in range(int(args.words[1]) if len(args.words) > 1 else 1, steps + 1):
        code, _ = persist(m, cut)
        if code is None:
            lab.say(f"step {cut}: the persist was done before")
            saved += 1
            m.kill()
        else:
            assert code == EXIT, code
        m = boot(False)
        assert saved <= stripes.generation <= saved + (code is not None), (saved, stripes.generation)
        lab.say(f"cut before step {cut} of {steps}: " + ("the new generation" if stripes.generation > saved else "the old one"))
        saved = stripes.generation
        verify(m)
    m.off()
