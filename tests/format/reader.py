#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""reader.py MEDIUM [IMAGE [GENERATION]]: a reader written from docs/FORMAT.md and nothing else.

Without IMAGE it lists the live generations, else it shows one as `wpp inspect --json` does (FORMAT.md 11).
Exit code 4: damaged, 5: of a version or feature that is not known. Section numbers are FORMAT.md's.
"""
import json
import pathlib
import re
import struct
import sys

BLOCK = 4096
METADATA, REGIONS, INTERNAL, MAPPINGS, PAGES = range(5)
THESIS_INTERNAL = 0x45000000
FORMAT = pathlib.Path(__file__).resolve().parents[2] / "docs/FORMAT.md"
MAX_SPACE, MAX_LIVE, MAX_KEPT = 0x3FFFF, 64, 16
MAX_FIELDS, MAX_TAIL = 32, 1 << 24


class Damaged(Exception):
    pass


class Refused(Exception):
    pass


# ---- 1.1: numbers, checksums --------------------------------------------------------------------


def crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC_TABLE = crc_table()


def crc32c(data):
    crc, table = 0xFFFFFFFF, CRC_TABLE
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def number(data, at, size):
    return int.from_bytes(data[at : at + size], "little")


# ---- 2, 3.1, 3.2: label, slots ------------------------------------------------------------------


class Medium:
    def __init__(self, path):
        self.data = memoryview(pathlib.Path(path).read_bytes())
        self.label()
        self.slots()

    def block(self, place):
        if place <= 0 or (place + 1) * BLOCK > len(self.data):
            raise Damaged(f"place {place} is not on the medium")
        return self.data[place * BLOCK : (place + 1) * BLOCK]

    def verified(self, reference, section):
        """The block that a reference leads to (1.3), once a generation."""
        place, crc = reference
        base, size = self.section[section]
        if not base <= place * BLOCK < base + size:
            raise Damaged(f"place {place} lies outside of section {section}")
        if place in self.used:
            raise Damaged(f"block {place} is referenced twice")
        self.used.add(place)
        block = self.block(place)
        if crc32c(block) != crc:
            raise Damaged(f"block {place}: checksum")
        return block

    @staticmethod
    def head(block, magic):
        """None: not such a block. Raises when it is one, but of an unknown kind."""
        if bytes(block[:8]) != magic or crc32c(block[: BLOCK - 4]) != number(block, BLOCK - 4, 4):
            return None
        major, incompat = number(block, 8, 2), number(block, 12, 4)
        if major != 1 or incompat:
            raise Refused(f"{magic[:6].decode()}: version {major}, incompat bits {incompat:#x}")
        return block

    def label_at(self, offset):
        if offset % BLOCK or offset + BLOCK > len(self.data):
            return None
        return self.head(self.data[offset : offset + BLOCK], b"WPPLBL\r\n")

    def second_labels(self, begin):
        """Where the second label may lie when the first does not verify: its size field, then the presets."""
        if begin + BLOCK <= len(self.data):
            yield begin + number(self.data, begin + 40 + 16 * INTERNAL + 8, 8) - BLOCK
        if begin == 0:
            blocks = len(self.data) // BLOCK
            yield (min(max(blocks // 32, 8), 130) - 1) * BLOCK
        else:
            yield begin + 0x2000000 - BLOCK

    def label(self):
        for begin in (0, THESIS_INTERNAL):
            label = self.label_at(begin)
            for other in self.second_labels(begin):
                label = label or (self.label_at(other) if other >= 0 else None)
            if label:
                break
        else:
            raise Refused("no store")
        self.store, shift, self.nr_slots = struct.unpack_from("<QII", label, 24)
        self.section = [struct.unpack_from("<QQ", label, 40 + 16 * i) for i in range(5)]
        if shift != 12 or any(base % BLOCK or size % BLOCK or not size for base, size in self.section):
            raise Damaged("label: sections")
        base, size = self.section[INTERNAL]
        if base != begin or self.nr_slots != min(size // BLOCK - 2, 128):
            raise Damaged("label: does not speak of where it lies")
        self.slot_base = base + BLOCK

    def slots(self):
        records = {}
        for i in range(self.nr_slots):
            start = self.slot_base + i * BLOCK
            block = self.head(self.data[start : start + BLOCK], b"WPPCMT\r\n") if start + BLOCK <= len(self.data) else None
            if block and number(block, 24, 8) == self.store:
                record = Commit(block)
                records[record.seq] = record
        newest = {}
        for record in records.values():
            if record.image not in newest or newest[record.image].seq < record.seq:
                newest[record.image] = record
        live = []
        for record in newest.values():
            live += [record] + [records[seq] for seq in record.kept if seq in records and records[seq].image == record.image]
        if len(live) > MAX_LIVE:
            raise Damaged("too many live records")
        self.live = sorted(live, key=lambda r: (r.image, -r.generation))

    def find(self, image, generation=0):
        for record in self.live:
            if record.image == image and generation in (0, record.generation):
                return record
        raise Damaged(f"no generation of {image}")

    # ---- 3.3, 3.4: directories, tables ----------------------------------------------------------

    def spaces(self, commit):
        """Each page space: a dict of its pages' references, all tables verified."""
        self.used = set()
        entries = b"".join(bytes(self.verified(ref, MAPPINGS)) for ref in commit.dirs)
        spaces, last = {}, -1
        for i in range(commit.nr_spaces):
            space, height, place, crc, nr_pages = struct.unpack_from("<IIIIQ", entries, 32 * i)
            if not last < space <= MAX_SPACE or not 1 <= height <= 5 or not nr_pages:
                raise Damaged(f"directory entry {i}")
            last = space
            pages = {}
            self.walk((place, crc), height - 1, 0, pages)
            if len(pages) != nr_pages:
                raise Damaged(f"space {space} has {len(pages)} pages, not {nr_pages}")
            spaces[space] = pages
        return spaces

    def walk(self, reference, level, path, pages):
        table = self.verified(reference, MAPPINGS)
        for i, entry in enumerate(struct.iter_unpack("<II", table)):
            if not entry[0]:
                if entry[1]:
                    raise Damaged("an empty reference has a checksum")
            elif level:
                self.walk(entry, level - 1, path * 512 + i, pages)
            else:
                pages[path * 512 + i] = entry

    def read(self, commit):
        """The two streams and the number of pages from space 2 up, each page verified."""
        spaces, streams = self.spaces(commit), []
        nr_pages = sum(len(pages) for space, pages in spaces.items() if space > 1)
        if nr_pages != commit.nr_pages:
            raise Damaged(f"{nr_pages} pages, not {commit.nr_pages}")
        contents = {}
        for space, pages in spaces.items():
            for page, reference in sorted(pages.items()):
                block = self.verified(reference, min(space, 2) if space < 2 else PAGES)
                if space < 2:
                    contents.setdefault(space, []).append((page, bytes(block)))
        for which, length in enumerate(commit.stream_len):
            blocks = contents.get(which, [])
            if [page for page, _ in blocks] != list(range((length + BLOCK - 1) // BLOCK)):
                raise Damaged(f"stream {which} has other pages than its length says")
            streams.append(b"".join(block for _, block in blocks)[:length])
        return streams, nr_pages


class Commit:
    def __init__(self, block):
        self.seq, self.generation, self.parent, self.nr_pages, self.nr_written = struct.unpack_from("<5Q", block, 32)
        self.nr_spaces, nr_dirs = struct.unpack_from("<II", block, 80)
        self.stream_len = struct.unpack_from("<QQ", block, 88)
        name = bytes(block[128:192]).rstrip(b"\0")
        if not re.fullmatch(rb"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}", name):
            raise Damaged("commit record: name")
        self.image = name.decode()
        self.kept = [seq for seq in struct.unpack_from(f"<{MAX_KEPT}Q", block, 192) if seq]
        if nr_dirs > 447 or nr_dirs != (self.nr_spaces + 127) // 128 or any(seq >= self.seq for seq in self.kept):
            raise Damaged("commit record: counts")
        self.dirs = [struct.unpack_from("<II", block, 512 + 8 * i) for i in range(nr_dirs)]


# ---- 9: types, from the document's own tables ---------------------------------------------------


class Type:
    def __init__(self, code, name, version, must, stream):
        self.code, self.name, self.version, self.must, self.stream = code, name, version, must, stream
        self.fields = []


def load_types():
    text = FORMAT.read_text()
    text = text[text.index("\n## 9. ") : text.index("\n## 10. ")]
    types = {}
    for row in re.findall(r"^\| (0x[0-9a-f]{4}) \| (\w+) \| (\d+) \| (yes|no) \| ([01]) \|", text, re.M):
        types[row[1]] = Type(int(row[0], 16), row[1], int(row[2]), row[3] == "yes", int(row[4]))
    for part in re.split(r"^#### ", text, flags=re.M)[1:]:
        name = part.split("\n", 1)[0].strip()
        for off, field, form in re.findall(r"^\| (\d+) \| (\w+) \| (dec|hex) \|", part, re.M):
            if int(off) != 24 + 8 * len(types[name].fields):
                raise Refused(f"FORMAT.md: {name}.{field} is not at {off}")
            types[name].fields.append((field, form))
    return {t.code: t for t in types.values()}


# ---- 7, 11: records -----------------------------------------------------------------------------


def show_tail(tail):
    text = tail[:-1] if tail[-1] == 0 else tail
    if text and all(0x20 <= byte <= 0x7E for byte in text):
        return text.decode()
    return tail[:48].hex() + (f"... ({len(tail)} bytes)" if len(tail) > 48 else "")


def show(kind, task, ident, values, tail):
    record = {"type": kind.name, "task": task, "id": ident}
    for i, (field, form) in enumerate(kind.fields):
        value = values[i] if i < len(values) else 0
        key = f"{kind.name}_type" if field == "type" else field
        record[key] = hex(value) if form == "hex" else value - (value >> 63 << 64)
    if tail:
        record["tail"] = show_tail(tail)
    return record


def records(stream, which, types):
    at = 0
    while at < len(stream):
        if len(stream) - at < 24:
            raise Damaged("a record's header is cut off")
        code, version, nr, flags, task, tail_len, ident = struct.unpack_from("<HHHHIIQ", stream, at)
        end = at + 24 + 8 * nr + tail_len
        if nr > MAX_FIELDS or tail_len > MAX_TAIL or (end + 7) // 8 * 8 > len(stream):
            raise Damaged(f"a record of type {code:#x} does not fit")
        values = struct.unpack_from(f"<{nr}Q", stream, at + 24)
        tail = stream[at + 24 + 8 * nr : end]
        at = (end + 7) // 8 * 8
        kind = types.get(code)
        if not kind or version > kind.version:
            if flags & 1:
                raise Refused(f"record type {code:#x}, version {version}, must be understood")
            continue
        if kind.stream != which:
            raise Damaged(f"{kind.name} in stream {which}")
        yield show(kind, task, ident, values, tail)


def inspect(medium, commit, types):
    streams, nr_pages = medium.read(commit)
    return {
        "name": commit.image,
        "generation": commit.generation,
        "pages": nr_pages,
        "bytes": nr_pages * BLOCK,
        "records": [r for which, stream in enumerate(streams) for r in records(stream, which, types)],
    }


def main(path, image=None, generation="0"):
    medium = Medium(path)
    if image:
        return inspect(medium, medium.find(image, int(generation)), load_types())
    return [{"name": c.image, "generation": c.generation, "pages": c.nr_pages} for c in medium.live]


if __name__ == "__main__":
    try:
        print(json.dumps(main(*sys.argv[1:4]), indent=1))
    except Damaged as error:
        sys.exit(print(f"damaged: {error}", file=sys.stderr) or 4)
    except Refused as error:
        sys.exit(print(f"refused: {error}", file=sys.stderr) or 5)
