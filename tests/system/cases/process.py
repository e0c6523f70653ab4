# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The tests of tests/process in a machine, under its kernel. Words: a regular expression of their names."""
import json
import pathlib
import re
import subprocess

SKIPPED = 77
LONG = {"process.die", "process.recreate"}  # hundreds of rounds: minutes in a machine


def tests(build):
    """Name → command in the machine, for each ctest of tests/process."""
    out = subprocess.check_output(["ctest", "--test-dir", build, "-L", "^process$", "--show-only=json-v1"], text=True)
    programs = build / "tests/process"
    for test in json.loads(out)["tests"]:
        words = [f"/usr/bin/{pathlib.Path(w).name}" if w.startswith(str(programs)) else w for w in test["command"]]
        yield test["name"], " ".join(words)


def run(lab, args):
    m = lab.boot()
    skipped, failed = [], []
    todo = [(n, c) for n, c in tests(lab.build) if n not in LONG and re.search("|".join(args.words), n)]
    m.sh("sysctl -q vm.nr_hugepages=8")
    for name, command in todo:
        code, out = m.sh(f"cd /tmp; timeout 100 {command} </dev/null", ok=False)
        if code == SKIPPED:
            skipped.append(name)
            lab.say(f"{name}: skipped: {out[-200:]}")
        elif code:
            failed.append(name)
            lab.say(f"{name}: exit {code}\n{out[-1500:]}")
        m.sh("rm -rf /tmp/*; killall -9 $(ls /usr/bin | grep ^process_) 2>/dev/null || true")
    lab.say(f"{len(todo)} tests, {len(skipped)} skipped, {len(failed)} failed: {' '.join(failed)}")
    assert todo and not failed
