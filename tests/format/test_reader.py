#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""test_reader.py WPP: a reader written from docs/FORMAT.md alone agrees with `wpp` on every golden image."""
import json
import lzma
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import reader

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
WPP = sys.argv[1]
PACKED = sorted(GOLDEN.glob("records-*.img.xz"))
TYPES = reader.load_types()


class Bed(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.dir)
        self.path = self.dir / "medium"

    def unpack(self, packed):
        self.path.write_bytes(lzma.decompress(packed.read_bytes()))
        return json.loads(lzma.decompress((GOLDEN / packed.name.replace(".img.xz", ".json.xz")).read_bytes()))

    def wpp(self, *args):
        conf = self.dir / "wpp.conf"
        conf.write_text(f"[wpp]\npath = {self.path}\nsize = {self.path.stat().st_size}\n")
        done = subprocess.run(
            [WPP, "--config", str(conf), "--json", *args], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def read(self, image, generation=0):
        medium = reader.Medium(self.path)
        return reader.inspect(medium, medium.find(image, generation), TYPES)

    def agree(self, mine, theirs):
        self.assertEqual(mine["records"], theirs["records"])
        for key in ("name", "generation", "pages", "bytes"):
            self.assertEqual(mine[key], theirs[key])


class Golden(Bed):
    def test_there_are_some(self):
        self.assertTrue(PACKED)

    def test_what_was_written_when_they_were_made(self):
        for packed in PACKED:
            for image, expected in self.unpack(packed).items():
                with self.subTest(packed.name, image=image):
                    self.agree(self.read(image), expected)

    def test_what_wpp_reads_today(self):
        for packed in PACKED:
            expected = self.unpack(packed)
            self.assertEqual([c.image for c in reader.Medium(self.path).live], sorted(expected))
            for image in expected:
                with self.subTest(packed.name, image=image):
                    self.agree(self.read(image), self.wpp("inspect", image))

    def test_the_first_image(self):
        """Its streams are bytes and no records; every generation, table and page verifies."""
        shutil.copy(GOLDEN / "v1.0.img", self.path)
        medium = reader.Medium(self.path)
        self.assertEqual([(c.image, c.generation) for c in medium.live], [("other-1.x", 1), ("redis", 2), ("redis", 1)])
        for commit in medium.live:
            streams, nr_pages = medium.read(commit)
            self.assertEqual((nr_pages, *map(len, streams)), (commit.nr_pages, *commit.stream_len))


class Fresh(Bed):
    def test_a_process_of_now(self):
        child = subprocess.Popen(
            ["sleep", "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        self.path.touch()
        self.path.unlink()
        conf = self.dir / "new.conf"
        conf.write_text(f"[wpp]\npath = {self.path}\nsize = 32M\n")
        done = subprocess.run([WPP, "--config", str(conf), "persist", str(child.pid), "--name", "now"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=dict(os.environ, WPP_RUN_DIR=str(self.dir / "run")))
        if done.returncode == 6:
            self.skipTest(done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.agree(self.read("now"), self.wpp("inspect", "now"))


class Damage(Bed):
    """What the reader must not let pass, so that agreement means something."""

    def setUp(self):
        super().setUp()
        self.expected = self.unpack(PACKED[0])
        self.image = sorted(self.expected)[0]
        medium = reader.Medium(self.path)
        self.commit = medium.find(self.image)
        self.spaces = medium.spaces(self.commit)
        self.label = medium.slot_base - reader.BLOCK

    def flip(self, offset):
        with open(self.path, "r+b") as medium:
            medium.seek(offset)
            byte = medium.read(1)[0]
            medium.seek(offset)
            medium.write(bytes([byte ^ 0x10]))

    def refuses(self, offset):
        self.flip(offset)
        with self.assertRaises(reader.Damaged):
            self.read(self.image)
        self.flip(offset)
        self.agree(self.read(self.image), self.expected[self.image])

    def test_a_page_a_stream_a_table_a_directory(self):
        for space in (0, 1, max(self.spaces)):
            for place, _ in list(self.spaces[space].values())[:2]:
                self.refuses(place * reader.BLOCK + 5)
        self.refuses(self.commit.dirs[0][0] * reader.BLOCK + 9)

    def test_the_only_commit_record_is_gone(self):
        blocks = self.path.read_bytes()
        at = next(i for i in range(0, len(blocks), reader.BLOCK)
                  if blocks[i : i + 8] == b"WPPCMT\r\n" and blocks[i + 128 :].startswith(self.image.encode() + b"\0"))
        self.refuses(at + 200)

    def test_the_second_label_serves(self):
        self.flip(self.label + 100)
        self.agree(self.read(self.image), self.expected[self.image])

    def test_an_unknown_feature(self):
        blocks = bytearray(self.path.read_bytes())
        label = bytearray(blocks[self.label : self.label + reader.BLOCK])
        label[12] = 1
        label[-4:] = reader.crc32c(label[:-4]).to_bytes(4, "little")
        blocks[self.label : self.label + reader.BLOCK] = label
        self.path.write_bytes(blocks)
        with self.assertRaises(reader.Refused):
            self.read(self.image)

    def test_a_record_that_must_be_understood(self):
        header = b"\xff\x7f" + b"\x01\0" + b"\0\0" + b"\x01\0" + bytes(16)
        with self.assertRaises(reader.Refused):
            list(reader.records(header, 0, TYPES))
        self.assertEqual(list(reader.records(header[:6] + b"\0\0" + header[8:], 0, TYPES)), [])

    def test_a_record_that_is_cut_off(self):
        medium = reader.Medium(self.path)
        stream = medium.read(medium.find(self.image))[0][0]
        for cut in (1, 8, 23):
            with self.assertRaises(reader.Damaged):
                list(reader.records(stream[:-cut], 0, TYPES))

    def test_another_expectation_is_seen(self):
        other = json.loads(json.dumps(self.expected[self.image]))
        other["records"][1]["pid"] += 1
        with self.assertRaises(AssertionError):
            self.agree(self.read(self.image), other)


unittest.main(argv=sys.argv[:1])
