# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The program under test: threads that hash, sleep, wait on queues and locks, and a counter in a file."""
import hashlib
import queue
import sys
import threading
import time

out = open(sys.argv[1], "w", buffering=1)
work, done = queue.Queue(), queue.Queue()
lock = threading.Lock()
totals = [0] * 4
last = time.monotonic()


def hasher(n):
    digest = b""
    while True:
        item = work.get()
        for _ in range(50):
            digest = hashlib.sha256(digest + item).digest()
        with lock:
            totals[n] += 1
        done.put((n, item))


for n in range(4):
    threading.Thread(target=hasher, args=(n,), daemon=True).start()
for turn in range(10**9):
    now = time.monotonic()
    if now < last:
        out.write("clock went back\n")
    last = now
    for i in range(8):
        work.put(b"%d" % i)
    got = sorted(done.get()[1] for _ in range(8))
    ok = got == [b"%d" % i for i in range(8)] and sum(totals) == 8 * (turn + 1)
    out.write(f"{turn} {'ok' if ok else 'WRONG'}\n")
    time.sleep(0.01)
