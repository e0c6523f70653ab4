#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""test_records.py WPP WALK: images of real processes, of each release, are read for ever.

Each records-VERSION.img.xz is opened, every record is walked and must be shown as it was when the
image was made (records-VERSION.json.xz), every page verified.
"""
import json
import lzma
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
WPP, WALK = sys.argv[1:3]
EACH_RELEASE = sorted(HERE.glob("records-*.img.xz"))
OFD_KINDS = set(range(1, 17))


class Records(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.conf = pathlib.Path(self.dir.name) / "wpp.conf"
        self.medium = pathlib.Path(self.dir.name) / "medium"

    def open(self, packed):
        self.medium.write_bytes(lzma.decompress(packed.read_bytes()))
        self.conf.write_text(f"[wpp]\npath = {self.medium}\nsize = {self.medium.stat().st_size}\n")
        name = packed.name.replace(".img.xz", ".json.xz")
        return json.loads(lzma.decompress((HERE / name).read_bytes()))

    def run_tool(self, *args):
        done = subprocess.run(args, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def wpp(self, *args):
        return json.loads(self.run_tool(WPP, "--config", str(self.conf), "--json", *args))

    def test_shown_as_when_they_were_made(self):
        for packed in EACH_RELEASE:
            for name, expected in self.open(packed).items():
                with self.subTest(packed.name, image=name):
                    shown = self.wpp("inspect", name)
                    self.assertEqual(len(shown["records"]), len(expected["records"]))
                    for was, now in zip(expected["records"], shown["records"]):
                        # A later schema may know more fields: those are 0 here.
                        self.assertEqual(now, {**{k: v for k, v in now.items() if v in (0, "0x0")}, **was})
                    self.assertEqual(shown["pages"], expected["pages"])

    def test_read_as_recreation_does(self):
        for packed in EACH_RELEASE:
            images = self.open(packed)
            lines = self.run_tool(WALK, str(self.conf), *images).splitlines()
            for line, (name, expected) in zip(lines, images.items(), strict=True):
                records = expected["records"]
                nr = [sum(r["type"] == t for r in records) for t in ("process", "thread")]
                self.assertEqual(line.split(), [name, *map(str, nr), str(len(records))])

    def test_every_page_verifies(self):
        for packed in EACH_RELEASE:
            self.open(packed)
            self.wpp("verify")

    def test_all_types_and_kinds_of_files_are_there(self):
        records = [r for packed in EACH_RELEASE for image in self.open(packed).values() for r in image["records"]]
        pcb = (HERE.parents[1] / "libwpp/include/wpp/pcb.h").read_text().splitlines()
        types = {line.split(",")[4].strip() for line in pcb if line.lstrip().startswith("X(0x")}
        self.assertGreater(len(types), 30)
        self.assertEqual(types - {r["type"] for r in records}, set())
        self.assertEqual(OFD_KINDS - {r["kind"] for r in records if r["type"] == "ofd"}, set())

    def test_there_are_some(self):
        self.assertTrue(EACH_RELEASE)


unittest.main(argv=sys.argv[:1])
