# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The command line: exit codes, what goes where, JSON keys, and messages that say what to do."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "programs"))
from harness import Wpp, alive, can_recreate, wait_for  # noqa: E402

DONE, FAILED, USAGE, NOTHING, DAMAGED, REFUSED, FORBIDDEN = range(7)


class Command(unittest.TestCase):
    def setUp(self):
        self.wpp = Wpp(size="32M").__enter__()
        self.addCleanup(self.wpp.__exit__, None, None, None)

    def sh(self, *args, code=DONE, **more):
        done = subprocess.run([self.wpp.command, *args], env=dict(self.wpp.env, **more), text=True, timeout=120,
                              stdin=subprocess.DEVNULL, capture_output=True)
        self.assertEqual(done.returncode, code, f"wpp {args}: {done.stdout}{done.stderr}")
        return done

    def counter(self, name="counter"):
        out = self.wpp.dir / f"{name}.out"
        pid = self.wpp.run(name, os.environ["COUNTER"], out)
        wait_for("the counter", lambda: out.exists() and out.stat().st_size > 4)
        return pid, out

    # ---- usage

    def test_no_command_prints_help_and_is_wrong_usage(self):
        self.assertIn("usage: wpp", self.sh(code=USAGE).stderr)

    def test_help_and_version_go_to_stdout(self):
        self.assertIn("recreate", self.sh("--help").stdout)
        self.assertRegex(self.sh("--version").stdout, r"^wpp \d+\.\d+\.\d+\n$")
        for command in ("run", "adopt", "ls", "persist", "trigger", "recreate", "inspect", "verify", "drop",
                        "export", "copy", "format", "qualify", "device", "doctor"):
            self.assertIn(f"usage: wpp {command}", self.sh(command, "--help").stdout)

    def test_data_that_does_not_get_out_is_a_failure(self):
        with open("/dev/full", "w") as full:
            for args in (("--json", "ls"), ("--help",), ("ls",)):
                done = subprocess.run([self.wpp.command, *args], env=self.wpp.env, text=True, timeout=120,
                                      stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE)
                self.assertEqual(done.returncode, FAILED, f"wpp {args}")
                self.assertIn("No space left", done.stderr)

    def test_list_that_can_not_be_read_is_no_empty_one(self):
        (self.wpp.dir / "run").write_text("not a directory")
        for args in (("ls",), ("trigger",), ("recreate", "x"), ("persist", "x"), ("run", "--", "true")):
            self.assertIn("capability is missing", self.sh(*args, code=FORBIDDEN).stderr)

    def test_wrong_usage_names_the_mistake(self):
        for args, text in ((("fly",), "fly"), (("persist",), "persist PID|NAME"),
                           (("persist", "x", "--then=dance"), "allowed: kill, continue"),
                           (("persist", "x", "--full"), "--full"),
                           (("recreate", "x", "--files=maybe"), "allowed: strict, warn"),
                           (("recreate", "x", "--generation=-1"), "-1"), (("run",), "which program"),
                           (("run", "--name", "../x", "--", "true"), "../x"), (("export", "x"), "--core"),
                           (("device",), "selftest"), (("device", "fly"), "list")):
            self.assertIn(text, self.sh(*args, code=USAGE).stderr)

    def test_configuration_mistake_is_named_by_line(self):
        conf = self.wpp.dir / "bad.conf"
        conf.write_text("[wpp]\nbackend = floppy\n")
        err = self.sh("--config", str(conf), "ls", code=USAGE).stderr
        self.assertIn(f"{conf}:2:", err)
        self.assertIn("pmem", err)

    # ---- without a medium

    def test_ls_without_a_medium_is_empty(self):
        self.assertEqual(self.wpp.call("ls"), {"images": [], "format_version": 1})

    def test_recreate_of_nothing(self):
        self.sh("format")
        self.assertIn("ghost", self.sh("recreate", "ghost", code=NOTHING).stderr)
        self.assertIn("ghost", self.sh("inspect", "ghost", code=NOTHING).stderr)
        self.sh("drop", "ghost", code=NOTHING)
        self.sh("persist", "ghost", code=NOTHING)

    def test_format_refuses_what_is_there(self):
        self.sh("format")
        self.assertIn("--force", self.sh("format", code=FAILED).stderr)
        self.sh("format", "--force")

    def test_foreign_file_is_not_touched(self):
        medium = self.wpp.dir / "medium.wpp"
        medium.write_bytes(b"precious" * 1000000)
        self.sh("ls", code=DAMAGED)
        self.sh("format", code=DAMAGED)
        self.assertEqual(medium.read_bytes(), b"precious" * 1000000)

    def test_doctor(self):
        done = self.sh("--json", "doctor", code=DONE if can_recreate() else FAILED)
        checks = {c["check"]: c for c in json.loads(done.stdout)["checks"]}
        self.assertLessEqual({"kernel", "ptrace", "pagemap", "pids", "clock", "config", "medium"}, set(checks))
        self.assertIn(str(self.wpp.dir), checks["config"]["text"])

    # ---- a process's life

    def test_run_gives_the_exit_code_of_the_program(self):
        self.sh("run", "--", "/bin/sh", "-c", "exit 42", code=42)
        self.sh("run", "--", "/bin/sh", "-c", "kill -TERM $$", code=128 + signal.SIGTERM)
        self.assertIn("no-such-program", self.sh("run", "--", "no-such-program", code=127, PATH="/bin").stderr)

    @unittest.skipUnless(can_recreate(), "a pid can't be chosen")
    def test_life(self):
        pid, out = self.counter()
        saved = self.wpp.call("persist", "counter")
        self.assertEqual((saved["name"], saved["pid"], saved["generation"]), ("counter", pid, 1))
        self.assertGreater(saved["bytes"], 0)
        self.assertTrue(alive(pid), "it goes on by default")
        row, = self.wpp.call("ls")["images"]
        self.assertEqual((row["name"], row["pid"], row["state"], row["generation"]), ("counter", pid, "running", 1))
        self.assertGreater(row["bytes"], 0)
        refused = self.wpp.call("recreate", "counter", ok=False)
        self.assertEqual(refused.returncode, FAILED)
        self.assertIn("runs already", refused.stderr)
        self.assertEqual(self.wpp.call("trigger")["images"][0]["generation"], 2)
        wait_for("the counter to be gone", lambda: not alive(pid))
        rows = self.wpp.call("ls")["images"]
        self.assertEqual([(r["state"], r["generation"]) for r in rows], [("saved", 2), ("saved", 1)])
        self.assertEqual(len(self.wpp.call("verify")["images"]), 2)
        size = out.stat().st_size
        self.assertEqual(self.wpp.recreate("counter", pid)["generation"], 2)
        wait_for("the counter to go on", lambda: out.stat().st_size > size)
        os.kill(pid, signal.SIGKILL)
        wait_for("the counter to be gone", lambda: not alive(pid))
        self.wpp.call("drop", "counter", "--generation", "1")
        self.assertEqual([r["generation"] for r in self.wpp.call("ls")["images"]], [2])
        self.wpp.call("drop", "counter")
        self.assertEqual(self.wpp.call("ls")["images"], [])

    def test_adopt_and_names(self):
        out = self.wpp.dir / "adopted.out"
        child = subprocess.Popen([os.environ["COUNTER"], out], start_new_session=True, stdin=subprocess.DEVNULL)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        wait_for("the counter", lambda: out.exists() and out.stat().st_size > 4)
        self.assertEqual(self.wpp.call("adopt", str(child.pid), "--name", "mine")["pid"], child.pid)
        self.sh("adopt", str(child.pid), "--name", "mine", code=USAGE)
        self.sh("adopt", "999999999", code=NOTHING)
        self.assertEqual(self.wpp.call("persist", str(child.pid))["name"], "mine")

    def test_process_with_children_is_refused_by_name_and_runs_on(self):
        child = subprocess.Popen(["/bin/sh", "-c", "sleep 1000 & wait"], start_new_session=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(child.wait)
        self.addCleanup(os.killpg, child.pid, signal.SIGKILL)
        children = pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children")
        wait_for("the child", children.read_text)
        done = self.wpp.call("persist", str(child.pid), ok=False)
        self.assertEqual(done.returncode, REFUSED)
        self.assertIn("children", [n["name"] for n in json.loads(done.stdout)["notes"]])
        self.assertTrue(alive(child.pid))
        self.assertEqual(self.wpp.call("ls")["images"], [])

    @unittest.skipUnless(can_recreate(), "a pid can't be chosen")
    def test_damage_is_found_named_and_the_older_generation_offered(self):
        pid, _ = self.counter()
        self.wpp.call("persist", "counter")
        self.wpp.persist_kill("counter", pid)
        medium = self.wpp.dir / "medium.wpp"
        good = medium.read_bytes()
        pages = [m.start() for m in re.finditer(re.escape(b"wpp-mark" * 512), good)]
        self.assertEqual(len(pages), 2, "one in each generation")
        offered = 0
        for page in pages:
            with open(medium, "r+b") as f:
                f.seek(page + 7)
                f.write(b"?")
            done = self.wpp.call("verify", ok=False)
            self.assertEqual(done.returncode, DAMAGED)
            self.assertIn(f"byte {page}", done.stderr)
            offered += "try --generation 1" in done.stderr
            done = self.wpp.call("recreate", "counter", "--detach", "--files=warn", ok=False)
            self.assertEqual(done.returncode, DAMAGED if "generation 1" in done.stderr else DONE, done.stderr)
            if done.returncode == DONE:
                os.kill(pid, signal.SIGKILL)
                wait_for("the counter to be gone", lambda: not alive(pid))
            with open(medium, "r+b") as f:
                f.seek(page + 7)
                f.write(good[page + 7:page + 8])
        self.assertEqual(offered, 1, "only the newest generation has an older one to offer")
        self.wpp.call("verify")

    @unittest.skipUnless(shutil.which("gdb"), "gdb is not installed")
    def test_export_opens_in_gdb_with_the_right_backtrace(self):
        pid, _ = self.counter()
        self.wpp.persist_kill("counter", pid)
        core = self.wpp.dir / "counter.core"
        self.wpp.call("export", "--core", "counter", "-o", str(core))
        done = subprocess.run(["gdb", "-batch", "-nx", "-ex", "info threads", "-ex", "bt", os.environ["COUNTER"],
                               str(core)], text=True, capture_output=True, timeout=60)
        self.assertRegex(done.stdout, r"#\d+ .*main ", done.stdout + done.stderr)

    def test_names_that_are_no_utf8_leave_json_whole(self):
        pid, _ = self.counter()
        self.wpp.persist_kill("counter", pid)
        done = self.wpp.call("export", "--core", "counter", "-o", os.fsencode(self.wpp.dir) + b"/core\xff")
        self.assertEqual(done["core"], f"{self.wpp.dir}/core?")
        self.assertEqual(done["notes"], [])
        self.assertGreater((self.wpp.dir / os.fsdecode(b"core\xff")).stat().st_size, 4096)

    def test_export_names_the_file_that_it_lacks(self):
        program = shutil.copy(os.environ["COUNTER"], self.wpp.dir / "gone")
        out = self.wpp.dir / "gone.out"
        pid = self.wpp.run("gone", program, out)
        wait_for("the counter", lambda: out.exists() and out.stat().st_size > 4)
        self.wpp.persist_kill("gone", pid)
        os.unlink(program)
        core = self.wpp.dir / "gone.core"
        done = self.wpp.call("export", "--core", "gone", "-o", str(core))
        self.assertEqual({n["name"] for n in done["notes"]}, {"core-file"})
        self.assertIn(str(program), done["notes"][0]["text"])
        self.assertTrue(core.exists())

    def test_inspect_names_records(self):
        pid, _ = self.counter()
        self.wpp.persist_kill("counter", pid)
        records = self.wpp.call("inspect", "counter")["records"]
        types = {r["type"] for r in records}
        self.assertLessEqual({"machine", "process", "mm", "exe", "thread", "regs", "cred", "region", "fd"}, types)
        self.assertNotIn("unknown", types)
        process = next(r for r in records if r["type"] == "process")
        self.assertEqual(process["pid"], pid)

    def test_tracking_survives_stale_entries(self):
        run = self.wpp.dir / "run"
        run.mkdir(mode=0o700)
        (run / "old").write_text("1 99\n")
        (run / "rubbish").write_text("hello")
        self.assertEqual(self.wpp.call("ls")["images"], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
