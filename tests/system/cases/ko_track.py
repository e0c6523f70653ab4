# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""wpp.ko tracks processes: by the walk, or by events for each page (words: eager BATCH). Memory of all kinds changes in
all ways; what is persisted is what there is, and events and walk agree."""
from ko import Ko, Memory

STEPS = ["begin", "fork", "mremap", "unmap", "split", "collapse", "swap"]
COUNTS = ["private_pages", "huge_pages", "swapped_pages", "ptes"]


def check_requests(ko, target):
    ko.fails(3, "track", 999999, "a")
    ko.fails(22, "track", target.pid, "../a")
    ko.fails(22, "track", target.pid, "a", "eager", 4097)
    ko.fails(3, "persist", target.pid)
    ko.fails(3, "untrack", target.pid)
    assert ko.m.sh("stat -c %a /dev/wpp /dev/wpp-trigger").split() == ["600", "600"]
    code, _ = ko.m.sh("chmod 666 /dev/wpp; su -s /bin/sh nobody -c 'guest_ko medium'; c=$?; chmod 600 /dev/wpp; exit $c",
                      ok=False)
    assert code == 1, "somebody without CAP_SYS_ADMIN opened /dev/wpp"
    for magic, code in ((30, 0), (40, 0), (20, 0), (50, 0), (50, 0), (60, 0), (60, 0), (99, 1)):
        assert ko.m.sh(f"echo {magic} >/dev/wpp-trigger", ok=False)[0] == code, magic


def check_held(ko, target):
    ko.fails(17, "track", target.pid, "b")
    ko.fails(16, "detach")
    assert ko.m.sh("dd if=/dev/zero of=/dev/wpp bs=4096 count=1", ok=False)[0], "written while tracked"
    assert ko.m.sh("rmmod wpp", ok=False)[0], "unloaded while tracked"


def check_step(ko, target, step, mode):
    target.step(step)
    said = ko.call("persist", target.pid)
    status = ko.status(target.pid)
    print(step, said["pages"], said["moves"], {k: status[k] for k in COUNTS if k in status}, flush=True)
    assert int(said["pages"]) >= int(status["private_pages"]), f"{step}: {said} {status}"
    assert status.get("drift", "0") == "0", f"{step}: events and walk differ: {status}"
    assert status["generation"] == said["generation"]


def migrated(ko):
    return int(ko.m.sh("sed -n 's/^pgmigrate_success //p' /proc/vmstat"))


def check_migration(ko, target):
    """Compaction moves pages to other frames while the process knows nothing of it."""
    before = migrated(ko)
    ko.m.sh("echo 1 >/proc/sys/vm/compact_memory")
    print("migrated", migrated(ko) - before, flush=True)
    ko.call("persist", target.pid)
    status = ko.status(target.pid)
    assert status.get("drift", "0") == "0", f"migration: events and walk differ: {status}"


def run(lab, args):
    ko = Ko(lab, mib=128)
    mode = " ".join(args.words)
    ko.m.sh("dd if=/dev/zero of=/data/swap bs=1M count=32 2>/dev/null; mkswap /data/swap; swapon /data/swap")
    target = Memory(ko)
    check_requests(ko, target)
    ko.call("track", target.pid, "a", mode)
    assert ko.m.sh(f"head -1 /proc/wpp/{target.pid}").strip() == "Process Persistence flag: true"
    check_held(ko, target)
    for step in STEPS:
        check_step(ko, target, step, mode)
        check_migration(ko, target)
    ko.call("untrack", target.pid)
    assert not ko.tracked()
    target.end()
    ko.unload()
