# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Programs that run in a machine, are persisted there and can tell whether they are still themselves."""
import json


def configure(m, **keys):
    """Writes wpp.conf."""
    lines = ["[wpp]", *(f"{k} = {v}" for k, v in keys.items())]
    m.sh("cat >/run/wpp.conf <<'END'\n" + "\n".join(lines) + "\nEND")



def wpp(m, *words, ok=True):
    """Runs `wpp --json WORDS`; its document. ok=False: exit code and text."""
    code, out = m.sh(f"wpp --json {' '.join(words)} 2>/run/wpp.err; c=$?; cat /run/wpp.err >&2; exit $c", ok=False)
    if not ok:
        return code, out
    assert code == 0, f"wpp {' '.join(words)}: exit {code}\n{out}"
    start = out.find("{")
    return json.JSONDecoder().raw_decode(out[start:])[0] if start >= 0 else None


class Workload:
    def __init__(self, name):
        self.name, self.pid = name, None

    def launch(self, m, command, ready):
        """Starts under wpp run, away from the control line; waits until ready, a shell condition, holds."""
        m.sh(f"cd /data; {command} </dev/null >/data/{self.name}.log 2>&1 &\n"
             f"for i in $(seq 2000); do {ready} && exit 0; kill -0 $! || break; usleep 50000; done; cat /data/{self.name}.log; exit 1")
        images = wpp(m, "ls")["images"]
        self.pid = next(i["pid"] for i in images if i["name"] == self.name)

    def recreate(self, m, *words):
        done = wpp(m, "recreate", self.name, "--detach", *words)
        assert done["pid"] == self.pid, f"{self.name}: pid {done['pid']}, was {self.pid}"
        return done


class SelfCheck(Workload):
    """A program of tests/process: it checks itself when asked by a file. Some spin: be nice to the others."""

    def __init__(self, program, *args):
        super().__init__(program)
        self.args = " ".join(args)
        self.dir = f"/run/test/{program}"
        self.round = 0

    def start(self, m):
        m.sh(f"mkdir -p {self.dir}")
        self.launch(m, f"WPP_TEST_DIR={self.dir} setsid nice -n 19 wpp run --name {self.name} -- process_{self.name} {self.args}",
                    f"[ -e {self.dir}/ready ]")
        self.check(m)

    def recreate(self, m, *words):
        m.sh(f"mkdir -p {self.dir}; touch {self.dir}/ready")
        return super().recreate(m, *words)

    def check(self, m):
        self.round += 1
        verdict = f"{self.dir}/verdict-{self.round}"
        said = m.sh(f"touch {self.dir}/check-{self.round}\n"
                    f"for i in $(seq 2000); do [ -e {verdict} ] && break; [ -d /proc/{self.pid} ] || break; "
                    f"usleep 10000; done; cat {verdict} || head -20 /proc/{self.pid}/status")
        assert said == "ok", f"{self.name}, round {self.round}: {said}"


class Redis(Workload):
    """redis from Debian's package; all its data compared by digest."""

    def __init__(self, keys=3000):
        super().__init__("redis")
        self.keys, self.round, self.digest = keys, 0, None

    def ask(self, m, *words):
        return m.sh(f"redis-cli {' '.join(words)}")

    def start(self, m):
        self.launch(m, "setsid wpp run --name redis -- redis-server --bind 127.0.0.1 --save '' --appendonly no "
                       "--enable-debug-command local", '[ "$(redis-cli ping 2>/dev/null)" = PONG ]')
        self.ask(m, f"debug populate {self.keys} key 1000")
        self.digest = self.ask(m, "debug digest")

    def check(self, m):
        self.round += 1
        assert self.ask(m, "debug digest") == self.digest, "redis: the data changed"
        assert self.ask(m, "set", "round", str(self.round)) == "OK"
        size = self.ask(m, "dbsize")
        assert size == str(self.keys + 1), f"redis: {size} keys, it had {self.keys + 1}"
        self.digest = self.ask(m, "debug digest")
