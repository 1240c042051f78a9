# A folder of files for tests of http/files.py, and a server of it.

import os
import socket
import time

import mungo
from app_client import Browser
from mungo.http import files
from net import listening

CANARY = b"CANARY: nobody may read this"


def write(path, data=b""):
    with open(path, "wb") as file:
        file.write(data)


def pattern(n, start=0):
    """`n` bytes of which each piece shows where it is from."""
    out = bytearray(n)
    for i in range(0, n, 4):
        at = (start + i) // 4
        out[i : i + 4] = bytes(((at >> 16) & 255, (at >> 8) & 255, at & 255, 10))[: n - i]
    return bytes(out)


def drain(mgr, sock, ms=10000):
    """Poll and read until the server closes; how many bytes."""
    buf = bytearray(4096)
    start = time.ticks_ms()
    got = 0
    while True:
        mgr.poll(10)
        try:
            n = sock.readinto(buf)
        except OSError:  # reset
            return got
        if n == 0:
            return got
        got += n or 0
        assert time.ticks_diff(time.ticks_ms(), start) < ms, got


class Site:
    """`with Site() as site`: a folder `site.root` inside a folder with a canary, gone at the end."""

    def __init__(self):
        self.top = "/tmp/mungo-%d-%d" % (time.time(), time.ticks_us())
        self.root = self.top + "/www"
        os.mkdir(self.top)
        os.mkdir(self.root)
        write(self.top + "/canary.txt", CANARY)
        write(self.top + "/index.html", CANARY)

    def write(self, name, data, stamp="202401020304.05"):
        """A file of this time, UTC; the folders must be there."""
        path = self.root + "/" + name
        write(path, data)
        if stamp:
            self.touch(name, stamp)

    def touch(self, name, stamp):
        assert os.system("TZ=UTC touch -t %s '%s/%s'" % (stamp, self.root, name)) == 0

    def zeros(self, name, n):
        """A large file that takes no room."""
        assert os.system("truncate -s %d '%s/%s'" % (n, self.root, name)) == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.system("rm -rf '%s'" % self.top)


class Serving(Site):
    """A Site with a server of it: `site.ask(target, ..)`. `options` are those of files.serve."""

    def __init__(self, limits={}, **options):  # noqa: B006
        super().__init__()
        self.options = options
        self.send_buffer = 0
        self.mgr = mungo.Manager(**limits)
        _, self.port = listening(lambda url: self.mgr.http_listen(url, self.handler))
        self.mine = None

    def handler(self, c, ev, hm, fn_data):
        if ev == mungo.EV_ACCEPT and self.send_buffer:
            c.sock.setsockopt(socket.SOL_SOCKET, 7, self.send_buffer)  # SO_SNDBUF
        if ev == mungo.EV_HTTP_MSG:
            options = dict(self.options)
            files.serve(c, hm, options.pop("root", self.root), options.pop("path", None), **options)

    def ask(self, target="/", method="GET", lines=""):
        if self.mine is None or self.mine.client.ended:
            self.mine = Browser(self.mgr, self.port)
        return self.mine.ask(target, method, lines)

    def __exit__(self, *_):
        if self.mine:
            self.mine.close()
        assert self.mgr.stats["bugs"] == 0
        assert self.mgr.close(5000)
        super().__exit__()
