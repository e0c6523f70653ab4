# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""sqlite3 in the middle of a transaction: it holds locks and a journal, and commits after the outage."""
import os
import sqlite3

from harness import Wpp, need, wait_for

with Wpp() as wpp:
    need("sqlite3")
    fifo, out, db = wpp.dir / "in", wpp.dir / "out", wpp.dir / "test.db"
    os.mkfifo(fifo)
    pid = wpp.run("sqlite", "/bin/sh", "-c", f"exec sqlite3 {db} <>{fifo} >{out} 2>&1")
    tell = os.open(fifo, os.O_WRONLY)

    def ask(sql, expect):
        os.write(tell, sql.encode() + b"\n")
        wait_for(f"{expect!r} from sqlite", lambda: out.exists() and expect in out.read_text())

    ask("create table t(n integer primary key, text); select 'created';", "created")
    ask("begin immediate; insert into t select value, hex(randomblob(500)) from generate_series(1, 20000); "
        "select 'rows ' || count(*) from t;", "rows 20000")
    for round in (1, 2):
        wpp.round_trip("sqlite", pid)
        try:
            sqlite3.connect(db, timeout=0).execute("insert into t values (0, '')")
            raise AssertionError("the lock of the open transaction is gone")
        except sqlite3.OperationalError as locked:
            assert "locked" in str(locked)
        ask(f"insert into t values ({100000 + round}, 'after'); select 'round {round} rows ' || count(*) from t;",
            f"round {round} rows {20000 + round}")
    ask("commit; select 'done ' || (select count(*) from t);", "done 20002")
    check = sqlite3.connect(db)
    assert check.execute("pragma integrity_check").fetchone() == ("ok",)
    assert check.execute("select count(*) from t").fetchone() == (20002,)
