# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A machine that has wpp.ko loaded, and processes in it that the module tracks."""
from need import skip

WINDOW = "memmap=256M$0x10000000"


class Ko:
    """The module on a window of memory that Linux does not use, with an empty store."""

    def __init__(self, lab, module_args="", mib=64, **how):
        module = lab.build / "kernel-glue" / lab.kernel.name / "wpp.ko"
        if not module.exists():
            skip(f"{module} was not built (ninja wpp_ko)")
        lab.extra["wpp.ko"] = module
        append = f"{WINDOW} {how.pop('append', '')}"
        self.m = lab.boot(append=append, **how)
        self.m.sh(f"insmod /run/extra/wpp.ko {module_args}")
        self.m.sh(f"guest_ko attach memory 0x10000000 {mib << 20}")
        # Images are the same on all media, so a file that was formatted is a store for this one, too.
        self.m.sh(f"printf '[wpp]\\nbackend=pmem\\npath=/run/store.img\\nsize={mib}M\\n' >/run/wpp.conf; "
                  "wpp -q --config /run/wpp.conf format && dd if=/run/store.img of=/dev/wpp bs=1M 2>/dev/null")

    def call(self, *words):
        """guest_ko; what it says as a dict."""
        return parse(self.m.sh("guest_ko " + " ".join(map(str, words))), " ")

    def fails(self, errno, *words):
        code, out = self.m.sh("guest_ko " + " ".join(map(str, words)), ok=False)
        assert code == errno, f"{words}: exit {code}, expected {errno}\n{out}"

    def status(self, pid):
        return parse(self.m.sh(f"cat /proc/wpp/{pid}"), ": ")

    def tracked(self):
        return {int(n) for n in self.m.sh("ls /proc/wpp").split() if n.isdigit()}

    def stats(self):
        return parse(self.m.sh("cat /proc/wpp/stats"), ": ")

    def until(self, condition):
        """A condition of the shell that comes true by itself."""
        self.m.sh(f"until {condition}; do usleep 20000; done")

    def unload(self):
        stats = self.stats()
        for name in ("processes", "address_spaces", "page_references", "jobs"):
            assert stats[name] == "0", f"left behind: {stats}"
        self.m.sh("guest_ko detach; rmmod wpp")


def parse(text, separator):
    return dict(line.split(separator, 1) for line in text.splitlines() if separator in line)


class Memory:
    """A guest_memory that does one step after the other."""

    def __init__(self, ko, name="a"):
        self.ko, self.file = ko, f"/run/{name}"
        ko.m.sh(f"cd /run; : >{name}.in; (sh -c 'echo $$ >{name}.pid; exec guest_memory' <{name}.in >{name}.out 2>&1; "
                f"echo exit $? >>{name}.out) >/dev/null 2>&1 & "
                f"until grep -qs READY {name}.out; do usleep 20000; done")
        self.pid = int(ko.m.sh(f"cat {self.file}.pid"))

    def step(self, name, answer="OK"):
        """Does a step; what it said."""
        return self.ko.m.sh(
            f"cd /run; f={self.file}.out; n=$(($(wc -l <$f) + 1)); echo {name} >>{self.file}.in; "
            f"until tail -n +$n $f | grep -qE '{answer}|BROKEN|exit'; do usleep 20000; done; tail -n +$n $f; "
            f"tail -n +$n $f | grep -q '{answer}'")

    def end(self):
        self.ko.m.sh(f"kill -9 {self.pid}; until grep -q exit {self.file}.out; do usleep 20000; done; "
                     f"rm -f {self.file}.*", ok=False)
