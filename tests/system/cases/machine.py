# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""A machine for a person: its console is the terminal, the medium stays for the next start (scripts/machine)."""
import media
from workloads import configure

KEEP = True


def run(lab, args):
    names = args.medium or ["nvdimm"]
    print(f"booting {lab.kernel.release}; Ctrl-A X takes its power", flush=True)
    attached = [media.KINDS[name](lab) for name in names]
    m = lab.boot(*attached, append=args.append, argv=args.qemu, terminal=True)
    for medium in attached:
        m.sh(medium.prepare)
    configure(m, **attached[0].conf)
    m.wait_end(None)
