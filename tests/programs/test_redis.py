# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""redis-server with 1 GiB: every key compared by digest, clients connect again, two rounds."""
import os
import socket

from harness import Wpp, free_port, need, wait_for

MIB = int(os.environ.get("WPP_TEST_REDIS_MIB", "1024"))


class Client:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.file = self.sock.makefile("rb")

    def __call__(self, *words):
        data = [w.encode() if isinstance(w, str) else w for w in words]
        self.sock.sendall(b"*%d\r\n" % len(data) + b"".join(b"$%d\r\n%s\r\n" % (len(d), d) for d in data))
        line = self.file.readline().rstrip()
        if not line:
            raise ConnectionResetError
        assert line[:1] != b"-", line
        if line[:1] != b"$":
            return line[1:].decode()
        n = int(line[1:])
        return self.file.read(n + 2)[:n].decode() if n >= 0 else None


def ping(port):
    try:
        return Client(port)("ping") == "PONG"
    except OSError:
        return False


with Wpp(size=f"{MIB * 5 // 2 + 256}M") as wpp:
    port = free_port()
    pid = wpp.run("redis", need("redis-server"), "--port", port, "--bind", "127.0.0.1", "--save", "",
                  "--appendonly", "no", "--enable-debug-command", "local")
    wait_for("redis to answer", lambda: ping(port))
    Client(port)("debug", "populate", str(MIB * 900), "key", "1000")
    for round in (1, 2):
        client = Client(port)
        client("set", "round", str(round))
        digest, size = client("debug", "digest"), client("dbsize")
        wpp.round_trip("redis", pid)
        try:
            client("ping")
            raise AssertionError("the old connection should have been reset")
        except ConnectionError:
            pass
        client = Client(port)
        assert client("debug", "digest") == digest, "the data changed"
        assert client("dbsize") == size
        assert client("get", "round") == str(round)
        assert client("incr", "counter") == str(round)
