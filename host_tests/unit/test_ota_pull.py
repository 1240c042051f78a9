# Updates that a device asks a server for, and firmware for an ESP32's other partition.

import os
import sys

import aboard  # noqa: F401
import mungo
import mungo.ota as ota
from net import listening
from otaboard import Board, bundle, tree

MIN_HEAP = "1M"
FILES = {"bundled.py": b"APP = 'hello'\n", "www/page.html": b"0123456789" * 300}


class Server:
    """A manager with a server of bundles, and what `pull` says."""

    def __init__(self, data, status=200, cut=None, first=0, minor=1):
        self.data = data
        self.status = status
        self.cut = cut
        self.minor = minor  # of its HTTP version: 0, and it closes
        self.first = first  # so many bytes of the body go out with the head, the others a moment later
        self.said = []
        self.asked = 0

    def __enter__(self):
        self.mgr = mungo.Manager()
        _, self.port = listening(lambda url: self.mgr.http_listen(url, self.serve))
        return self

    def __exit__(self, *_):
        self.mgr.close()

    def serve(self, c, ev, hm, _):
        if ev == mungo.EV_HTTP_MSG:
            self.asked += 1
            if self.cut is None:
                c.http_reply(self.status, {}, self.data)
            else:
                c.send(
                    b"HTTP/1.%d 200 OK\r\nContent-Length: %d\r\n\r\n" % (self.minor, len(self.data))
                    + self.data[: min(self.first, self.cut)]
                )
                self.mgr.timer(20, self.rest, c)

    def rest(self, c):
        if not c.is_ending:
            c.send(self.data[min(self.first, self.cut) : self.cut])
            c.is_draining = True

    def pull(self):
        """The error that `done` gets."""
        ota.pull(self.mgr, "http://127.0.0.1:%d/app.bundle" % self.port, self.said.append)
        for _ in range(2000):
            if self.said and ota.device.clearing is None and not self.mgr.flash_waiters:
                break
            self.mgr.poll(10)
        assert len(self.said) == 1 and ota.state()["step"] == "" and not self.mgr.stats["bugs"]
        assert ota.state()["error"] == self.said[0]
        return self.said.pop()


def test_a_bundle_is_pulled():
    with Board(version=4):
        with Server(bundle(FILES, 5)) as server:
            assert server.pull() == ""
            assert ota.state()["next"] == 5
            assert server.mgr.stats["updates"] == {"installed": 1, "failed": 0}
        assert tree("a") == {"a/" + name: data for name, data in FILES.items()}


def test_a_server_that_closes_behind_the_bundle_and_sends_its_head_alone():
    for files in ({"x": b"1"}, FILES, {"x": bytes(50000)}):
        data = bundle(files, 5)
        for first, minor in ((0, 0), (0, 1), (100, 0), (700, 1), (len(data), 0), (len(data), 1)):
            with Board(version=4):
                with Server(data, cut=len(data), first=first, minor=minor) as server:
                    error = server.pull()
                    assert error == "" and ota.state()["next"] == 5, (len(data), first, minor, error)
                assert tree("a") == {"a/" + name: data for name, data in files.items()}


def test_a_bundle_whose_server_has_closed_waits_for_the_flash():
    from mungo.port.flash import flash

    data = bundle({"x": b"1"}, 5)
    with Board(version=4):
        with Server(data, cut=len(data), minor=0) as server:
            ota.pull(server.mgr, "http://127.0.0.1:%d/" % server.port, server.said.append)
            while ota.state()["done"] < len(data):
                server.mgr.poll(10)
            if not server.said:
                begin = flash.begin
                flash.begin = lambda: False  # pyright: ignore  # a worker has it
                for _ in range(20):
                    server.mgr.poll(10)
                flash.begin = begin
            while not server.said:
                server.mgr.poll(10)
            assert server.said == [""] and ota.state()["next"] == 5


def test_what_is_wrong_is_told_and_leaves_nothing():
    data = bundle(FILES, 5)
    wrong = bytearray(data)
    wrong[-1] ^= 1
    for server, word in (
        (Server(data, 404), "The server answers 404."),
        (Server(b""), "cut off"),
        (Server(b"<html>" * 100), "no bundle"),
        (Server(bytes(wrong)), "corrupt"),
        (Server(bundle(FILES, 4)), "not newer than version 4"),
        (Server(bundle(FILES, 5, board="OTHER")), "for OTHER"),
        (Server(data, cut=100), "closed"),
        (Server(data, cut=len(data) - 1), "closed"),
    ):
        with Board(version=4):
            before = tree()
            with server:
                error = server.pull()
                assert word in error, (word, error)
                assert tree() == before and "a" not in os.listdir(".") and ota.state()["next"] == 0


def test_a_device_that_is_up_to_date_reads_no_more_than_the_list():
    data = bundle({"x": bytes(100000)}, 4)
    with Board(version=4):
        with Server(data) as server:
            assert "not newer" in server.pull()
            assert ota.state()["done"] < 40000


def test_a_server_that_is_not_there():
    with Board():
        with Server(b"") as server:
            for c in server.mgr.conns:
                c.is_closing = True
            server.mgr.poll(10)
            assert server.pull() != ""


def test_one_update_at_a_time_and_none_on_trial():
    with Board(version=8, slot="b", trial=True, back=["a", 7]):
        with Server(bundle(FILES, 9)) as server:
            said = []
            ota.pull(server.mgr, "http://127.0.0.1:%d/" % server.port, said.append)
            while not said:
                server.mgr.poll(10)
            assert "on trial" in said[0]
            assert ota.state()["trial"]


# --- firmware


class Partition:
    """`esp32.Partition` as MicroPython's documentation has it, with two application partitions."""

    RUNNING = 1
    running = 0
    boot = 0
    valid = True
    parts = [bytearray(0), bytearray(0)]
    has_two = True

    def __init__(self, what):
        # (the two are 2 and 3 here, since RUNNING is 1)
        self.number = Partition.running if what == self.RUNNING else what - 2

    def get_next_update(self):
        if not self.has_two:
            raise OSError(-261)
        return Partition(2 + 1 - self.number)

    def info(self):
        return (0, 16 + self.number, 0x10000, 16384, "ota_%d" % self.number, False)

    def writeblocks(self, block, data):
        assert len(data) == 4096 and self.number != Partition.running
        part = Partition.parts[self.number]
        part[block * 4096 : block * 4096 + 4096] = data

    def set_boot(self):
        Partition.boot = self.number

    @classmethod
    def mark_app_valid_cancel_rollback(cls):
        Partition.valid = True


class Esp32:
    Partition = Partition


def start():
    """A reset: the bootloader starts what `set_boot` has named, once; without `mark_app_valid_cancel_rollback` the other one again."""
    if Partition.boot != Partition.running and Partition.valid:
        Partition.running = Partition.boot
        Partition.valid = False
    elif not Partition.valid:
        Partition.running = Partition.boot = 1 - Partition.running
        Partition.valid = True
    sys.modules.pop("slots", None)
    import slots

    slots.choose()
    ota.device.load()
    return Partition.running


def with_partitions(test):
    def run():
        sys.modules["esp32"] = Esp32  # pyright: ignore
        Partition.running = Partition.boot = 0
        Partition.valid = True
        Partition.has_two = True
        Partition.parts = [bytearray(16384), bytearray(16384)]
        try:
            test()
        finally:
            del sys.modules["esp32"]

    return run


@with_partitions
def test_firmware_goes_to_the_other_partition_and_is_kept():
    for size in (1, 4096, 5000, 16384):
        image = bytes([n * 7 % 251 for n in range(size)])
        Partition.running = Partition.boot = 0
        with Board(version=4):
            with Server(bundle({"firmware.bin": image}, 5, to="firmware")) as server:
                assert server.pull() == ""
            assert Partition.parts[1][:size] == image and Partition.parts[1][size:4096] == b"\xff" * (4096 - size)
            assert Partition.boot == 1 and ota.state()["next"] == 5 and "a" not in os.listdir(".")
            assert start() == 1 and ota.state()["trial"] and ota.state()["version"] == 5
            assert not Partition.valid
            assert ota.good()["version"] == 5
            assert Partition.valid and start() == 1 and not ota.state()["trial"] and ota.state()["error"] == ""


@with_partitions
def test_firmware_that_nobody_keeps_is_undone():
    with Board(version=4):
        with Server(bundle({"firmware.bin": b"x" * 5000}, 5, to="firmware")) as server:
            assert server.pull() == ""
        assert start() == 1 and ota.state()["trial"]
        assert start() == 0
        state = ota.state()
        assert (state["version"], state["trial"], state["next"]) == (4, False, 0) and "Version 5" in state["error"]


@with_partitions
def test_firmware_that_is_corrupt_or_has_no_room_is_not_started():
    wrong = bytearray(bundle({"firmware.bin": b"x" * 5000}, 5, to="firmware"))
    wrong[-1] ^= 1
    for data, word in (
        (bytes(wrong), "corrupt"),
        (bytes(wrong[:-1]), "cut off"),
        (bundle({"firmware.bin": bytes(16385)}, 5, to="firmware"), "there is room for 16384"),
    ):
        with Board(version=4):
            with Server(data) as server:
                assert word in server.pull()
            assert Partition.boot == 0 and start() == 0 and ota.state()["next"] == 0


@with_partitions
def test_a_board_with_one_partition():
    Partition.has_two = False
    with Board(version=4):
        with Server(bundle({"firmware.bin": b"x"}, 5, to="firmware")) as server:
            assert "no second partition" in server.pull()


def test_without_an_esp32_firmware_is_refused():
    with Board(version=4):
        with Server(bundle({"firmware.bin": b"x"}, 5, to="firmware")) as server:
            assert "no second partition" in server.pull()
