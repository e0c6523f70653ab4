# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""Boots, runs --exec, prints what it says: for trying things and for cases in the making."""
import sys

import media


def run(lab, args):
    m = lab.boot(*(media.KINDS[name](lab) for name in args.medium), append=args.append, icount=args.icount, argv=args.qemu)
    code, out = m.sh(args.exec or "uname -a", ok=False)
    print(out)
    m.off()
    if code:
        sys.exit(f"exit {code}")
