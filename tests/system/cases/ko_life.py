# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The mark of wpp.ko belongs to the process: fork gives it on when asked, exec keeps it, exit ends it. Two processes, one
that triggers itself, triggers at the same time; nothing is left behind."""
from ko import Ko, Memory


def check_fork(ko):
    target = Memory(ko)
    ko.call("track", target.pid, "a", "inherit")
    target.step("begin")
    target.step("child")
    ko.until("[ $(ls /proc/wpp | wc -l) = 4 ]")
    children = ko.tracked() - {target.pid}
    for pid in children:
        status = ko.status(pid)
        assert status["image"] == f"a.{pid}" and int(status["private_pages"]) > 0, status
        assert int(ko.call("persist", pid)["pages"]) > 0
    ko.m.sh("kill -9 " + " ".join(map(str, children)))
    ko.until("[ $(ls /proc/wpp | wc -l) = 2 ]")
    target.end()
    ko.until("[ $(ls /proc/wpp | wc -l) = 1 ]")


def check_exec(ko):
    target = Memory(ko)
    ko.call("track", target.pid, "a")
    target.step("exec", "READY")
    target.step("begin")
    assert int(ko.status(target.pid)["private_pages"]) > 1000
    assert int(ko.call("persist", target.pid)["pages"]) > 1000
    target.end()
    ko.until("[ $(ls /proc/wpp | wc -l) = 1 ]")


def check_eager_exec(ko):
    target = Memory(ko)
    ko.call("track", target.pid, "a", "eager", 1)
    target.step("exec", "READY")
    target.step("begin")
    ko.call("persist", target.pid)
    assert ko.status(target.pid)["drift"] == "0"
    target.end()
    ko.until("[ $(ls /proc/wpp | wc -l) = 1 ]")


def check_two(ko):
    """Both are killed by the trigger, and only once they are saved."""
    one, two = Memory(ko, "one"), Memory(ko, "two")
    one.step("begin")
    ko.call("track", one.pid, "one")
    ko.call("track", two.pid, "two", "eager", 16)
    ko.m.sh("for i in 1 2 3 4; do for p in %d %d; do guest_ko persist $p >/run/said.$p.$i 2>&1 & done; done; wait; "
            "grep -h : /run/said.*; ! grep generation.0 /run/said.*" % (one.pid, two.pid))
    assert {ko.status(p.pid)["persists"] for p in (one, two)} == {"4"}
    ko.m.sh("echo 10 >/dev/wpp-trigger")
    ko.until("[ $(ls /proc/wpp | wc -l) = 1 ]")
    one.end()
    two.end()


def check_self(ko):
    """Nobody waits for himself: who triggers is saved inside its own write(), and killed as all others."""
    target = Memory(ko)
    target.step("begin")
    ko.call("track", target.pid, "self")
    target.step("trigger", answer="exit 137")
    ko.m.sh("dmesg | grep 'wpp: self: generation 1,'")
    ko.until("[ $(ls /proc/wpp | wc -l) = 1 ]")
    target.end()


def run(lab, args):
    ko = Ko(lab, mib=192)
    check_fork(ko)
    check_exec(ko)
    check_eager_exec(ko)
    check_two(ko)
    check_self(ko)
    print(ko.stats())
    ko.unload()
