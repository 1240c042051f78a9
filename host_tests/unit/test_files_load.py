# Many clients at once: what they cost, that they are served in turns, and that nothing stays open behind those who leave.

import gc
import socket
import time
from binascii import crc32

from app_client import Browser
from net import Client
from sites import Serving, pattern
from waiting import open_files, until

LANES = ("cpython", "upy", "upy-192k")
MIN_HEAP = "288k"

MB = 1 << 20
EACH = 20


def test_20_clients_that_download_1_mb_each_cost_less_than_48_kb():
    with Serving(limits={"send_slice": 16384}) as site:
        site.send_buffer = 8192  # or the kernel would take each file at once
        site.zeros("a.bin", MB - 4000)
        with open(site.root + "/a.bin", "ab") as file:
            file.write(pattern(4000))
        site.ask("/a.bin", lines="Range: bytes=0-9999\r\n")  # everything is loaded
        site.mine.close()
        site.mine = None
        until(lambda: len(site.mgr.conns) == 1, site.mgr)
        want = 0
        with open(site.root + "/a.bin", "rb") as file:
            for _ in range(256):
                want = crc32(file.read(4096), want)
        buf = bytearray(1460)
        view = memoryview(buf)
        address = socket.getaddrinfo("127.0.0.1", site.port)[0][-1]
        socks = [socket.socket() for _ in range(EACH)]
        sums = [0] * EACH
        counts = [-1] * EACH  # bytes of the body; -1: not even the head
        gc.collect()
        idle = gc.mem_alloc()
        for sock in socks:
            sock.setsockopt(socket.SOL_SOCKET, 8, 8192)  # SO_RCVBUF
            sock.connect(address)
            sock.setblocking(False)
            sock.write(b"GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        most = turns = waiting = 0
        start = time.ticks_ms()
        while min(counts) < MB:
            site.mgr.poll(0)
            turns += 1
            for i in range(EACH):
                if (turns + i) % 4 == 0:  # not all at the same pace
                    continue
                n = socks[i].readinto(buf)
                if not n:
                    continue
                at = 0
                if counts[i] < 0:
                    at = buf.find(b"\r\n\r\n") + 4
                    assert buf[9:12] == b"200" and at > 4
                    counts[i] = 0
                sums[i] = crc32(view[at:n], sums[i])
                counts[i] += n - at
            if turns % 20 == 0:
                gc.collect()
                most = max(most, gc.mem_alloc() - idle)
                waiting = max(waiting, len([c for c in site.mgr.conns if c.out]))
            assert time.ticks_diff(time.ticks_ms(), start) < 60000, counts
        print("%d clients of 1 MB each: at most %d bytes of heap above idle, in %d turns; up to %d waited" % (EACH, most, turns, waiting))
        assert counts == [MB] * EACH
        assert set(sums) == {want}
        assert waiting > EACH // 2, waiting
        assert most < 48 << 10, most
        for sock in socks:
            sock.close()


def test_nothing_stays_open_behind_clients_that_leave():
    with Serving() as site:
        site.zeros("a.bin", 50 * MB)
        site.ask("/missing")
        files = open_files()
        for wait in (1, 2, 5):
            clients = [Client(site.mgr, site.port, b"GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(8)]
            until(lambda: len(site.mgr.conns) == 10, site.mgr)  # noqa: B023
            for _ in range(wait):
                site.mgr.poll(0)
            assert open_files() == files + 3 * 8  # a socket at each end, and the file
            for client in clients:
                client.close()
            until(lambda: len(site.mgr.conns) == 2, site.mgr)
            assert open_files() == files
        # Nor behind those who ask for little, for the head alone, or for what they have already.
        tag = site.ask("/a.bin", "HEAD").field("etag")
        for lines in ("Range: bytes=0-99\r\n", "Range: bytes=0-9999\r\n", "Range: bytes=99999999999-\r\n", "If-None-Match: %s\r\n" % tag):
            site.ask("/a.bin", lines=lines)
            assert open_files() == files, lines


def test_the_write_deadline_ends_a_download_that_is_not_taken():
    with Serving(limits={"write_ms": 300}) as site:
        site.zeros("a.bin", 50 * MB)
        site.ask("/missing")
        files = open_files()
        client = Client(site.mgr, site.port, b"GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: site.mgr.stats["timeouts"] == 1, site.mgr)
        until(lambda: len(site.mgr.conns) == 2, site.mgr)
        assert open_files() == files + 1  # the client's socket
        client.close()


def test_downloads_take_turns():
    with Serving(limits={"send_slice": 20000}) as site:
        site.zeros("a.bin", MB)
        site.ask("/missing")
        large = [Client(site.mgr, site.port, b"GET /a.bin HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(3)]
        until(lambda: len(site.mgr.conns) == 5, site.mgr)
        done = [0] * 3
        buf = bytearray(20000)
        for turn in range(15):
            site.mgr.poll(0)
            for i in range(3):
                before = done[i]
                n = 1
                while n:
                    n = large[i].sock.readinto(buf) or 0
                    done[i] += n
                assert not turn or 0 < done[i] - before < 2 * 20000
            assert max(done) - min(done) <= 4 * 20000, done
        assert min(done) > 100000, done
        # And who asks for little waits for a turn or two.
        other = Browser(site.mgr, site.port)
        other.send("/missing")
        turns = 0
        while b"no such file" not in other.client.got:
            site.mgr.poll(0)
            other.client.look()
            turns += 1
            assert turns < 10
        other.close()
        for client in large:
            client.close()


def test_after_a_download_the_idle_deadline_runs():
    with Serving(limits={"idle_ms": 200}) as site:
        site.zeros("a.bin", 10000)
        for _ in range(3):
            assert len(site.ask("/a.bin").body) == 10000
        until(lambda: len(site.mgr.conns) == 1, site.mgr)
        assert site.mgr.stats["timeouts"] == 0
