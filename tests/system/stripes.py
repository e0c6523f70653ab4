# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The program of stripes.c: it can't go on from an image that mixes two instants, and its image shows it too."""
import struct

from workloads import Workload

MAGIC = 0x7365706972747300
PAGES = 256
PAGE = 4096
FILE = "/run/stripes"


class Stripes(Workload):
    def __init__(self):
        super().__init__("stripes")
        self.generation = 0

    def start(self, m):
        self.launch(m, f"setsid nice -n 19 wpp run --name stripes -- guest_stripes {FILE}", f"[ -e {FILE} ]")

    def recreate(self, m, *words):
        done = super().recreate(m, *words)
        self.generation = done["generation"]
        return done

    def check(self, m):
        """It has gone on for a while and found its pages as it left them."""
        said = m.sh(f"for i in $(seq 2000); do [ -e {FILE} ] && break; usleep 10000; done; cat {FILE}")
        assert said.startswith("at "), said
        return int(said.split()[1])


def find(core):
    """The numbers of the pages in a core file; they hold n, n ... n, n - 1 ... n - 1."""
    first = struct.pack("<QQ", MAGIC, 0)
    at = core.find(first)
    while at >= 0 and core[at + PAGE:at + PAGE + 16] != struct.pack("<QQ", MAGIC, 1):
        at = core.find(first, at + 1)
    assert at >= 0, "no stripes in the image"
    numbers = []
    for index in range(PAGES):
        page = core[at + index * PAGE:at + (index + 1) * PAGE]
        magic, number, n, *_, again = struct.unpack("<512Q", page)
        assert (magic, number) == (MAGIC, index), f"page {index} is another"
        # It may have stopped between the two writes to a page.
        assert again in (n, n - 1), f"page {index} holds {n} and {again}"
        numbers += [n, again]
    return numbers


def check_image(core):
    """Fails when the image mixes two instants; the number it is at."""
    numbers = find(core)
    in_order = numbers == sorted(numbers, reverse=True)
    assert in_order and numbers[0] - numbers[-1] <= 1, f"mixed: {sorted(set(numbers))}"
    return numbers[0]
