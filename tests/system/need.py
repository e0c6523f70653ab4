# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""What a machine needs of this one; a test is skipped by name where it is missing."""
import shutil
import sys

SKIP = 77


def skip(why):
    print("skipped:", why)
    sys.exit(SKIP)


def need(program):
    """The path of a program from Debian's packages."""
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    return found or skip(f"{program} is not installed (scripts/deps)")
