# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""memcached with four worker threads: all items are there, an idle client sees a reset, new ones are served."""
import socket

from harness import Wpp, free_port, need, wait_for


class Client:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.sock.makefile("rb")

    def set(self, key, value):
        self.sock.sendall(b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value))
        assert self.file.readline() == b"STORED\r\n"

    def get(self, key):
        self.sock.sendall(b"get %s\r\n" % key)
        head = self.file.readline()
        if not head:
            raise ConnectionResetError
        if head == b"END\r\n":
            return None
        value = self.file.read(int(head.split()[3]) + 2)[:-2]
        assert self.file.readline() == b"END\r\n"
        return value


def connect(port):
    try:
        return Client(port)
    except OSError:
        return None


with Wpp(size="512M") as wpp:
    port = free_port()
    pid = wpp.run("memcached", need("memcached"), "-u", "root", "-l", "127.0.0.1", "-p", port, "-U", "0", "-m", "128")
    client = wait_for("memcached", lambda: connect(port))
    items = {b"key%d" % n: b"%d " % n * 200 for n in range(5000)}
    for key, value in items.items():
        client.set(key, value)
    for round in (1, 2):
        wpp.round_trip("memcached", pid)
        try:
            client.get(b"key1")
            raise AssertionError("the old connection should have been reset")
        except ConnectionError:
            pass
        client = Client(port)
        assert all(client.get(key) == value for key, value in items.items()), "items changed"
        client.set(b"round", b"%d" % round)
        assert client.get(b"round") == b"%d" % round
