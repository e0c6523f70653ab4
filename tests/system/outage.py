# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The story that every medium has to pass: run, save, lose the power, boot, go on, twice."""
from workloads import Redis, SelfCheck, wpp


def outages(lab, boot, rounds=2, workloads=None):
    """boot(first) gives a machine whose medium is ready and configured."""
    workloads = workloads or [SelfCheck("counter"), SelfCheck("threads"), Redis()]
    m = boot(True)
    for w in workloads:
        w.start(m)
        lab.say(f"{w.name} runs as pid {w.pid}")
    for _ in range(rounds):
        saved = wpp(m, "trigger")
        m.kill()
        for i in saved["images"]:
            frozen = f", frozen {i['frozen_ns'] / 1e6:.1f} ms" if "frozen_ns" in i else ""
            lab.say(f"{i['name']}: {i['pages']} pages{frozen}; the power is off")
        m = boot(False)
        lab.say("up again")
        for w in workloads:
            done = w.recreate(m)
            lab.say(f"{w.name} goes on after {done['first_instruction_ns'] / 1e6:.1f} ms")
        for w in workloads:
            w.check(m)
        lab.say("all are themselves")
        wpp(m, "verify")
    m.off()
