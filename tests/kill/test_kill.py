# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""wpp is killed with SIGKILL at a random moment of a persist, again and again: afterwards the target
either runs unharmed, or it was to be killed, is gone, and a valid generation exists that goes on."""
import os
import random
import signal
import subprocess
import sys
import time

from harness import Wpp, alive, left_stopped, need_recreate, wait_for

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


def persist_and_kill(wpp, then, delay):
    """Starts a persist and kills it after a while. True when it was done before."""
    p = subprocess.Popen([wpp.command, "-q", "persist", "target", f"--then={then}"], env=wpp.env,
                         stderr=subprocess.PIPE, text=True)
    time.sleep(delay)
    p.kill()
    said = p.communicate()[1]
    assert p.returncode in (0, -signal.SIGKILL), f"exit {p.returncode}: {said}"
    return p.returncode == 0


def fate(pid, path, before):
    """What became of the target, or None when that can't be told yet: a SIGKILL that was the last that
    wpp did takes its time on a busy machine, and only who writes on was not sent one."""
    if not alive(pid):
        return "gone"
    stopped = left_stopped(pid)
    assert not stopped, f"threads {stopped} are left stopped"
    return "goes on" if lines(path) > before + 2 else None


def one_round(wpp, pid, out, then, delay):
    """A persist that is killed, and what must be true afterwards. Tells whether it was done, and the fate."""
    done = persist_and_kill(wpp, then, delay)
    before = lines(out)
    seen = wait_for("the target to go on or to be gone", lambda: fate(pid, out, before))
    if then == "continue":
        assert seen == "goes on", "the target died"
    if then == "kill" and done:
        assert seen == "gone", "the target was not killed"
    if seen == "gone":
        wpp.recreate("target", pid)
        wait_for("the recreated target to go on", lambda: lines(out) > before + 2)
    return done, seen


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
        delay = random.uniform(0, longest)
        try:
            done, seen = one_round(wpp, pid, out, then, delay)
        except AssertionError:
            print(f"round {n}: --then={then}, killed after {delay * 1e3:.2f} of {longest * 1e3:.2f} ms")
            raise
        counts["in time"] += done
        counts["recreated" if seen == "gone" else "unharmed"] += 1
        if n % 50 == 49:
            wpp.call("verify")
    wpp.persist_kill("target", pid)
    wpp.recreate("target", pid)
    seen = [int(line) for line in out.read_text().split("\n")[:-1]]
    assert seen == list(range(len(seen))), "lines were lost or written twice"
    print(counts)
