# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""wpp qualify: measures, and convicts a drive that loses what it acknowledged. The liar is the test: it puts old
bytes back where newer ones were acknowledged."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "programs"))
from harness import Wpp  # noqa: E402

DONE, FAILED, USAGE, NOTHING, DAMAGED = range(5)
SLOTS, BLOCK = 128, 4096


class Qualify(unittest.TestCase):
    def setUp(self):
        self.wpp = Wpp().__enter__()
        self.addCleanup(self.wpp.__exit__, None, None, None)
        self.file = self.wpp.dir / "drive"
        self.lines = []

    def sh(self, *args, code=DONE, json_out=False):
        done = subprocess.run([self.wpp.command, *(["--json"] if json_out else []), "qualify", *args, self.file],
                              env=self.wpp.env, text=True, timeout=120, stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(done.returncode, code, f"wpp qualify {args}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout) if json_out else done

    def acked(self):
        return int(self.lines[-1])

    def start(self):
        """A writer, and a copy of the file at some moment behind its first rounds."""
        self.writer = subprocess.Popen([self.wpp.command, "-q", "qualify", "--write", "--slots", str(SLOTS), "--size",
                                        "32M", self.file], env=self.wpp.env, text=True, stdout=subprocess.PIPE)
        self.addCleanup(self.writer.wait)
        self.addCleanup(self.writer.kill)
        self.addCleanup(self.writer.stdout.close)

    def write_to(self, number):
        while not self.lines or not self.lines[-1].isdigit() or self.acked() < number:
            self.lines.append(self.writer.stdout.readline().strip())

    def pull_the_plug(self):
        self.writer.kill()
        self.lines += self.writer.stdout.read().split("\n")[:-1]
        self.writer.wait()

    def copy_when(self, number):
        self.write_to(number)
        self.writer.send_signal(signal.SIGSTOP)
        shutil.copyfile(self.file, self.wpp.dir / "old")
        self.writer.send_signal(signal.SIGCONT)

    def put_old_back(self, slots):
        with open(self.wpp.dir / "old", "rb") as old, open(self.file, "r+b") as new:
            for slot in slots:
                old.seek((1 + slot) * BLOCK)
                new.seek((1 + slot) * BLOCK)
                new.write(old.read(BLOCK))

    def test_measures_and_leaves_nothing(self):
        result = self.sh("--size", "32M", json_out=True)
        self.assertGreater(result["write_mib_s"], 0)
        self.assertGreater(result["read_mib_s"], 0)
        for name in ("write_4k", "flush", "write_4k_fua", "read_4k"):
            self.assertLessEqual(result[name]["p50_us"], result[name]["max_us"])
            self.assertGreater(result[name]["samples"], 0)
        self.assertFalse(self.file.exists())

    def test_honest_drive_is_not_blamed(self):
        self.start()
        self.write_to(3 * SLOTS)
        self.pull_the_plug()
        result = self.sh("--check", json_out=True)
        self.assertEqual((result["lost"], result["verdict"]), (0, "keeps"))
        self.assertGreaterEqual(result["acked"] + 16, self.acked())
        run = self.lines[0].split()[1]
        self.sh("--check", "--acked", str(self.acked()), "--run", run)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)

    def test_one_lost_block_is_found(self):
        self.start()
        self.copy_when(2 * SLOTS)
        self.write_to(4 * SLOTS)
        self.pull_the_plug()
        slot = (self.acked() - SLOTS // 2) % SLOTS
        self.put_old_back([slot])
        done = self.sh("--check", code=DAMAGED)
        self.assertIn("1 acknowledged blocks are lost", done.stderr)
        self.assertEqual(self.sh("--check", code=DAMAGED).stderr, done.stderr)

    def test_torn_block_is_found(self):
        self.start()
        self.write_to(2 * SLOTS)
        self.pull_the_plug()
        with open(self.file, "r+b") as f:
            f.seek((1 + (self.acked() - 20) % SLOTS) * BLOCK + 512)
            f.write(bytes(512))
        self.assertIn("nothing whole", self.sh("--check", code=DAMAGED).stderr)

    def test_drive_that_forgets_a_while_is_convicted_by_the_other_machine(self):
        self.start()
        self.copy_when(2 * SLOTS)
        self.write_to(5 * SLOTS)
        self.pull_the_plug()
        shutil.copyfile(self.wpp.dir / "old", self.file)
        self.sh("--check")
        self.assertIn("lies about flushes", self.sh("--check", "--acked", str(self.acked()), code=DAMAGED).stderr)

    def test_lost_beginning_is_found(self):
        self.start()
        self.write_to(SLOTS)
        self.pull_the_plug()
        run = self.lines[0].split()[1]
        with open(self.file, "r+b") as f:
            f.write(bytes(BLOCK))
        self.sh("--check", code=NOTHING)
        self.sh("--check", "--run", run, code=DAMAGED)

    def test_nothing_of_value_is_overwritten(self):
        self.file.write_bytes(b"precious" * 1000000)
        for args in ((), ("--write",)):
            self.assertIn("--force", self.sh(*args, code=DAMAGED).stderr)
        self.wpp.call("format")
        self.file = self.wpp.dir / "medium.wpp"
        for args in ((), ("--write",)):
            self.assertIn("medium of wpp", self.sh(*args, code=FAILED).stderr)
        self.assertEqual(self.wpp.call("verify")["images"], [])
        self.sh("--check", code=NOTHING)

    def test_wrong_usage_is_named(self):
        self.assertIn("number", self.sh("--slots", "3", code=USAGE).stderr)
        self.assertIn("number", self.sh("--acked", "x", code=USAGE).stderr)
        self.assertIn("size", self.sh("--size", "huge", code=USAGE).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
