# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Each self-checking program: what the module records of it is what user space records, it runs on unharmed, and user
space recreates it from the module's image. What can't be carried is refused by name and left alone. Words: programs,
all by default."""
from need import skip

PROGRAMS = """attributes
blocked
clocks
counter
creds root
directories chroot
directories deleted
fd_events
fd_inet
fd_inotify
fd_locks
fd_nameless
fd_pipes
fd_regular
fd_timers
fd_unix
limits
many
memory_anon
memory_files
memory_objects
sched
signals
sleeping
threads
timers
upgraded
vdso""".splitlines()
REFUSED = "children hugetlb namespace seccomp seccomp-thread syscall-dispatch".split()
CONF = "[wpp]\nbackend = module\n[module]\nkind = memory\nbase = 256M\nsize = 64M\n"


def run(lab, args):
    ko = lab.build / "kernel-glue" / lab.kernel.name / "wpp.ko"
    if not ko.exists():
        skip(f"{ko} is not built")
    lab.extra["wpp.ko"] = ko
    m = lab.boot(append="memmap=64M$256M")
    m.sh(f"insmod /run/extra/wpp.ko && echo '{CONF}' >/run/module.conf && wpp --config /run/module.conf format")
    m.sh("mkdir -p /data/tmp && mount --bind /data/tmp /tmp")
    failed = []

    def check(program, words):
        code, out = m.sh(f"timeout 60 guest_records {words}", ok=False)
        print(f"{program}: {'skipped' if code == 77 else code or 'good'}")
        if code not in (0, 77):
            print(out)
            failed.append(program)

    for program in args.words or PROGRAMS:
        check(program, f"/usr/bin/process_{program}")
    for what in [] if args.words else REFUSED:
        check(f"refused {what}", f"--refused {what.removesuffix('-thread')} /usr/bin/process_refused {what}")
    complaints = m.sh("dmesg | grep -E 'BUG|WARNING|Oops' || true")
    m.off()
    assert not failed, f"failed: {', '.join(failed)}\n{complaints}"
