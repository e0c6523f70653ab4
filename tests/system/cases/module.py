# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""One format for all worlds. The module saves on a device, user space recreates from it: through the module, and
straight from the device without it. User space saves there, the module goes on with the next generation. Words: nvme,
fpga or memory."""
from module import Module, gone, unload
from workloads import Redis, SelfCheck, configure, wpp


def refused(m, side):
    """What is missing is named, and what to do about it."""
    code, text = wpp(m, "run", "--", "true", ok=False)
    assert code == 4 and "wpp format" in text, (code, text)
    m.sh("wpp -q format --force")
    code, text = m.sh("cp /run/wpp.conf /tmp; su -s /bin/sh nobody -c 'wpp --config /tmp/wpp.conf run -- true' 2>&1", ok=False)
    assert code == 6 and "root" in text, (code, text)
    code, text = wpp(m, "persist", "--no-sync", "$$", ok=False)
    assert code == 2 and "not with backend = module" in text, (code, text)
    told = m.sh("wpp doctor | grep -E '^good +module'")
    assert f"medium {side.name}" in told and "0 tracked" in told, told


def begin(m, workloads):
    for w in workloads:
        w.start(m)
    for i in wpp(m, "ls")["images"]:
        assert i["live"]["private_pages"] > 0, i
        assert m.sh(f"head -1 /proc/wpp/{i['pid']}") == "Process Persistence flag: true"
    for magic in (20, 30, 40, 50, 50, 60, 60):
        m.sh(f"echo {magic} >/dev/wpp-trigger")
    code, text = wpp(m, "format", "--force", ok=False)
    assert code == 1 and "only one that may write" in text, text
    assert m.sh("rmmod wpp", ok=False)[0], "unloaded while processes are tracked"


def go_on(lab, m, workloads, generation):
    for w in workloads:
        done = w.recreate(m)
        assert done["generation"] == generation, done
    for w in workloads:
        w.check(m)
    lab.say(f"generation {generation}: all go on and are themselves")


def same_on_host(lab, side, seen):
    """The host, without module and machine, finds the same in the same bytes."""
    side.host("verify")
    for (name, generation), inspected in seen.items():
        there = side.host("inspect", name, "--generation", str(generation))
        assert there == inspected, f"{name} {generation} differs:\n{there}\n{inspected}"
    lab.say(f"{len(seen)} images are the same for the host")


def look(m, seen):
    verified = wpp(m, "verify")
    for i in wpp(m, "ls")["images"]:
        key = i["name"], i["generation"]
        inspected = wpp(m, "inspect", i["name"], "--generation", str(i["generation"]))
        assert seen.setdefault(key, inspected) == inspected, f"{key} differs"
    return verified


def run(lab, args):
    side = Module(lab, args.words[0])
    workloads = [SelfCheck("counter"), SelfCheck("threads"), Redis()]

    m = side.boot()
    refused(m, side)
    begin(m, workloads)
    m.sh("echo 10 >/dev/wpp-trigger")
    gone(m)
    m.kill()
    lab.say("saved by the module; the power is off")

    m, seen = side.boot(), {}
    look(m, seen)
    go_on(lab, m, workloads, 1)
    for i in wpp(m, "trigger")["images"]:
        lab.say(f"{i['name']}: {i['pages']} pages, durable after {i['durable_ns'] / 1e6:.1f} ms")
        assert i["generation"] == 2 and i["state"] == "saved", i
    look(m, seen)
    m.kill()
    same_on_host(lab, side, seen)

    m = lab.boot(side.medium, append=side.medium.reserve.replace("$", "!"))
    m.sh(side.medium.prepare)
    configure(m, **side.medium.conf)
    look(m, seen)
    go_on(lab, m, workloads, 2)
    wpp(m, "trigger")
    look(m, seen)
    m.kill()
    lab.say("saved by user space; the power is off")

    m = side.boot()
    look(m, seen)
    go_on(lab, m, workloads, 3)
    for w in workloads:
        done = wpp(m, "persist", w.name)
        assert done["generation"] == 4, done
        w.check(m)
    look(m, seen)
    m.sh("wpp trigger")
    unload(m)
    m.off()
