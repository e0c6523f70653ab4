# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What may happen to processes that the module tracks, and to its device: exit, exec, a debugger, refusals, many triggers
at once, the device gone. Whoever can't be saved is named and runs on; nothing is left behind."""
from module import Module, gone, stats, unload
from workloads import SelfCheck, wpp

UNTIL = "for i in $(seq 500); do {} && exit; usleep 20000; done; exit 1"


def until(m, condition):
    m.sh(UNTIL.format(condition))


def start(m, name, *command):
    """Under wpp run; its pid."""
    m.sh(f"mkdir -p /run/test/{name}; WPP_TEST_DIR=/run/test/{name} setsid wpp run --name {name} -- {' '.join(command)} "
         f"</dev/null >/run/test/{name}/log 2>&1 &")
    until(m, f"grep -qs '^image: {name}$' /proc/wpp/*")
    return next(i["pid"] for i in wpp(m, "ls")["images"] if i["name"] == name)


def ends(m, pid):
    m.sh(f"kill -9 {pid}")
    until(m, f"[ ! -e /proc/wpp/{pid} ]")


def check_exit(m):
    pid = start(m, "exits", "sleep", "1000")
    ends(m, pid)
    code, text = wpp(m, "persist", "exits", ok=False)
    assert code == 3, (code, text)


def check_exec(m):
    m.sh("mkfifo /run/go")
    pid = start(m, "becomes", "sh", "-c", "'read go </run/go; exec sleep 1000'")
    m.sh("echo >/run/go")
    until(m, f"grep -q sleep /proc/{pid}/comm")
    assert wpp(m, "persist", "becomes")["pid"] == pid
    image = m.sh("wpp inspect becomes")
    assert "sleep" in image or "busybox" in image, image
    ends(m, pid)


def check_debugger(m):
    pid = start(m, "traced", "sleep", "1000")
    m.sh(f"guest_trace {pid} >/run/trace 2>&1 & echo $! >/run/tracer")
    until(m, "grep -q stopped /run/trace")
    code, text = wpp(m, "persist", "traced", ok=False)
    assert code == 5 and "trace" in text, (code, text)
    m.sh("kill -9 $(cat /run/tracer)")
    until(m, f"grep -q 'TracerPid:.0$' /proc/{pid}/status")
    wpp(m, "persist", "traced")
    ends(m, pid)


def check_refused(m, fine):
    """One that can't be saved does not keep the other from it."""
    pid = start(m, "refused", "process_refused", "seccomp")
    until(m, f"grep -q 'Seccomp:.2' /proc/{pid}/status")
    code, text = wpp(m, "persist", "refused", "--then=kill", ok=False)
    assert code == 5 and "seccomp" in text and "runs on" in text, (code, text)
    code, text = wpp(m, "trigger", ok=False)
    assert code == 5 and '"saved"' in text and "seccomp" in text, (code, text)
    m.sh(f"kill -0 {pid}; grep -q 'State:.S' /proc/{pid}/status")
    ends(m, pid)
    fine.recreate(m)
    fine.check(m)


def check_many(m, fine):
    """Persists and triggers of all kinds at once; both processes are killed, once they are saved."""
    start(m, "other", "sleep", "1000")
    m.sh(f"for i in 1 2 3; do wpp -q persist counter & wpp -q persist other & done; wait")
    assert all(i["live"]["persists"] >= 3 for i in wpp(m, "ls")["images"] if "live" in i)
    m.sh("for i in 1 2 3 4; do echo 10 >/dev/wpp-trigger & wpp -q persist other & wpp -q trigger & done 2>/dev/null; wait", ok=False)
    gone(m)
    wpp(m, "verify")
    wpp(m, "recreate", "other", "--detach")
    fine.recreate(m)
    fine.check(m)


def check_gone(m, side, fine):
    """The device reads all ones: an error in time, twice, and both run on."""
    side.medium.device.kill()
    code, text = wpp(m, "persist", "counter", ok=False)
    assert code == 1 and "runs on" in text, (code, text)
    code, text = wpp(m, "trigger", ok=False)
    assert code not in (0, 124), (code, text)
    fine.check(m)
    assert stats(m)["failures"] >= 2


def run(lab, args):
    side = Module(lab, "fpga", timeout=1000)
    m = side.boot()
    m.sh("wpp -q format --force")
    fine = SelfCheck("counter")
    check_exit(m)
    check_exec(m)
    check_debugger(m)
    fine.start(m)
    check_refused(m, fine)
    lab.say("exit, exec, a debugger, a refusal")
    check_many(m, fine)
    lab.say("many triggers at once")
    check_gone(m, side, fine)
    lab.say("the device is gone")
    m.sh("killall -9 process_counter sleep")
    unload(m)
    m.kill()
