# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""wpp is killed with SIGKILL at a random moment of a persist, again and again: afterwards the target
either runs unharmed, or it was to be killed, is gone, and a valid generation exists that goes on."""
import os
import random
import subprocess
import sys
import time

from harness import Wpp, alive, need_recreate, wait_for

ROUNDS = int(os.environ.get("WPP_TEST_KILLS", "500"))
SEED = int(os.environ.get("WPP_TEST_SEED", str(random.randrange(1 << 32))))
need_recreate()
random.seed(SEED)
print(f"{ROUNDS} rounds, WPP_TEST_SEED={SEED}")


def lines(path):
    """Complete lines so far; fails when the target said that it is broken."""
    text = path.read_text()
    assert "broken" not in text, text[-200:]
    return text.count("\n")


def persist_and_kill(wpp, then, longest):
    """Starts a persist and kills it somewhere in its usual duration. True when it was done before."""
    p = subprocess.Popen([wpp.command, "-q", "persist", "target", f"--then={then}"], env=wpp.env,
                         stderr=subprocess.PIPE)
    time.sleep(random.uniform(0, longest))
    p.kill()
    return p.wait() == 0


with Wpp(size="64M") as wpp:
    out = wpp.dir / "out"
    pid = wpp.run("target", sys.argv[1], out)
    wait_for("the target", lambda: out.exists() and lines(out) > 5)
    start = time.monotonic()
    wpp.call("persist", "target")
    longest = (time.monotonic() - start) * 1.2
    counts = {"in time": 0, "unharmed": 0, "recreated": 0}
    for n in range(ROUNDS):
        then = "kill" if n % 5 == 4 else "continue"
        done = persist_and_kill(wpp, then, longest)
        counts["in time"] += done
        if then == "kill" and (done or not alive(pid)):
            wait_for("the target to be gone", lambda: not alive(pid))
            wpp.recreate("target", pid)
            counts["recreated"] += 1
        assert alive(pid), f"round {n}: the target died"
        before = lines(out)
        wait_for(f"the target to go on in round {n}", lambda: lines(out) > before + 2)
        if n % 50 == 49:
            wpp.call("verify")
    wpp.persist_kill("target", pid)
    wpp.recreate("target", pid)
    seen = [int(line) for line in out.read_text().split("\n")[:-1]]
    assert seen == list(range(len(seen))), "lines were lost or written twice"
    counts["unharmed"] = ROUNDS - counts["recreated"]
    print(counts)
