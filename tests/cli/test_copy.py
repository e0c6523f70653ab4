# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""wpp copy: generations between media and backends keep every byte, their numbers, and what they share."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "programs"))
from harness import Wpp, alive, can_recreate, wait_for  # noqa: E402

DONE, FAILED, USAGE, NOTHING, DAMAGED = range(5)


class Copy(unittest.TestCase):
    def setUp(self):
        self.wpp = Wpp(size="32M").__enter__()
        self.addCleanup(self.wpp.__exit__, None, None, None)
        self.first = self.conf("first", "pmem")
        self.second = self.conf("second", "nvme")
        self.third = self.conf("third", "pmem", "/dev/shm" if os.access("/dev/shm", os.W_OK) else None)

    def conf(self, name, backend, where=None, generations=4, size="32M"):
        medium = pathlib.Path(where or self.wpp.dir) / f"{self.wpp.dir.name}-{name}.img"
        self.addCleanup(medium.unlink, missing_ok=True)
        path = self.wpp.dir / f"{name}.conf"
        path.write_text(f"[wpp]\nbackend = {backend}\npath = {medium}\nsize = {size}\ngenerations = {generations}\n")
        return path

    def sh(self, conf, *args, code=DONE):
        done = subprocess.run([self.wpp.command, "--json", "--config", conf, *args], env=self.wpp.env, text=True,
                              timeout=120, stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(done.returncode, code, f"wpp {args}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout) if code == DONE else done

    def shares(self, what, conf):
        return subprocess.run([os.environ["SHARES"], what, conf], check=True, text=True, stdout=subprocess.PIPE).stdout

    def states(self, conf, *args):
        return [(i["name"], i["generation"], i["state"]) for i in self.sh(conf, "copy", *args)["images"]]

    def test_there_and_back_every_byte_and_what_is_shared(self):
        self.shares("make", self.first)
        self.assertEqual(self.states(self.first, "--to", self.second),
                         [("b", 1, "copied"), ("a", 1, "copied"), ("a", 2, "copied"), ("a", 3, "copied")])
        self.sh(self.second, "copy", "--to", self.third)
        dump = self.shares("dump", self.first)
        self.assertEqual(dump.count("\n"), 1209 + 50 + 1194 + 1194 + 4 + 4)
        self.assertEqual(self.shares("dump", self.second), dump)
        self.assertEqual(self.shares("dump", self.third), dump)
        used = self.shares("used", self.first)
        self.assertEqual(self.shares("used", self.second), used)
        self.assertEqual(self.shares("used", self.third), used)
        for conf in self.second, self.third:
            self.assertEqual(len(self.sh(conf, "verify")["images"]), 4)

    def test_again_goes_on_where_it_ended(self):
        self.shares("make", self.first)
        self.states(self.first, "--to", self.second, "a", "--generation", "1")
        self.assertEqual(self.states(self.first, "--to", self.second, "a"),
                         [("a", 1, "there"), ("a", 2, "copied"), ("a", 3, "copied")])
        self.states(self.first, "--to", self.second)
        self.assertEqual(self.shares("dump", self.first).split(), self.shares("dump", self.second).split())

    def test_other_contents_under_a_number_are_refused(self):
        self.shares("make", self.first)
        self.states(self.first, "--to", self.second, "a", "--generation", "2")
        self.assertIn("a later one", self.sh(self.first, "copy", "--to", self.second, "a", code=FAILED).stderr)
        before = self.shares("dump", self.second)
        self.states(self.first, "--to", self.second, "b")
        self.assertIn(before, self.shares("dump", self.second))

    def test_target_keeps_as_many_as_it_is_told(self):
        self.shares("make", self.first)
        two = self.conf("two", "nvme", generations=2)
        self.states(self.first, "--to", two)
        self.assertEqual([(i["name"], i["generation"]) for i in self.sh(two, "ls")["images"]],
                         [("a", 3), ("a", 2), ("b", 1)])

    def test_damage_is_found_on_the_way_and_older_ones_are_there(self):
        self.shares("make", self.first)
        image = pathlib.Path(next(w.split(" = ")[1] for w in self.first.read_text().splitlines() if "path" in w))
        fresh = bytes([(1100 * 7 + 2 + 1) % 256]) * 4096  # of generation 2 of a
        data = image.read_bytes()
        at = next(n for n in range(0, len(data), 4096) if data[n:n + 4096] == fresh and n > len(data) // 8)
        with open(image, "r+b") as f:
            f.seek(at + 100)
            f.write(b"damage")
        done = self.sh(self.first, "copy", "--to", self.second, code=DAMAGED)
        self.assertIn("not copied", done.stderr)
        self.assertLess(len(self.sh(self.second, "verify")["images"]), 4)

    def test_wrong_usage_is_named(self):
        self.assertIn("where to", self.sh(self.first, "copy", code=USAGE).stderr)
        self.assertIn("copied from", self.usage_of_itself())
        self.assertIn("../x", self.sh(self.first, "copy", "--to", self.second, "../x", code=USAGE).stderr)
        self.sh(self.first, "copy", "--to", self.second, "ghost", code=NOTHING)

    def usage_of_itself(self):
        self.shares("make", self.first)
        return self.sh(self.first, "copy", "--to", self.first, code=USAGE).stderr

    @unittest.skipUnless(can_recreate(), "a pid can't be chosen")
    def test_a_process_moves_to_another_medium_and_goes_on(self):
        out = self.wpp.dir / "counter.out"
        pid = self.wpp.run("counter", os.environ["COUNTER"], out)
        wait_for("the counter", lambda: out.exists() and out.stat().st_size > 4)
        self.wpp.persist_kill("counter", pid)
        old = self.conf("old", "pmem")
        old.write_text(pathlib.Path(self.wpp.env["WPP_CONF"]).read_text())
        self.sh(old, "copy", "--to", self.second, "counter")
        self.assertEqual(self.sh(self.second, "inspect", "counter"), self.sh(old, "inspect", "counter"))
        cores = []
        for conf in old, self.second:
            cores.append(self.wpp.dir / f"{conf.stem}.core")
            self.sh(conf, "export", "--core", "counter", "-o", cores[-1])
        self.assertEqual(cores[0].read_bytes(), cores[1].read_bytes())
        self.wpp.env["WPP_CONF"] = str(self.second)
        size = out.stat().st_size
        self.wpp.recreate("counter", pid)
        wait_for("the counter to go on", lambda: out.stat().st_size > size)
        os.kill(pid, signal.SIGKILL)
        wait_for("the counter to be gone", lambda: not alive(pid))


if __name__ == "__main__":
    unittest.main(verbosity=2)
