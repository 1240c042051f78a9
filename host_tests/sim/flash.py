"""The flash's file system, which notices when two threads are in it at the same time, and a scene that uses it from both sides."""

import io
import random
import sys
from types import SimpleNamespace

from . import modules
from .net import Peer
from .peers import split

_HDRS, _MSG = 10, 11
_FOLDER, _FILE = 0x4000, 0x8000
_ENOENT, _EIO, _EEXIST, _ENOSPC = 2, 5, 17, 28


class FileSystem:
    """Files in memory. Each call takes a while, in which others run. On RP2 a second thread inside is a violation: there littlefs gives
    wrong bytes to both. Elsewhere the GIL or the system sees to it."""

    def __init__(self, world):
        self.world = world
        self.files = {}  # {path: bytearray}
        self.folders = {"", "/www", "/www/up"}
        self.user = None
        self.chance = 0.0  # of a fault of the flash
        self.faults = 0
        self.is_fragile = world.profile.platform == "rp2"
        self.calls = 0

    def use(self):
        world = self.world
        task = world.current
        if task is None or not self.is_fragile:
            return
        if self.user is not None and self.user is not task:
            world.fail(f"{self.user.name} and {task.name} are in the file system at the same time")
        self.calls += 1
        self.user = task
        for _ in range(3):
            world.choose()
        self.user = None

    def fail(self):
        """Maybe it is full, or worn out."""
        if self.chance and self.world.current is self.world.loop and self.world.rng.random() < self.chance:
            self.faults += 1
            self.world.note("flash fails")
            error = OSError(self.world.rng.choice((_EIO, _ENOSPC)))
            error.is_planned = True
            raise error

    def open(self, path, mode="r", *_):
        self.use()
        self.fail()
        if "w" in mode:
            self.files[path] = bytearray()
        elif path not in self.files:
            raise OSError(_ENOENT)
        return File(self, self.files[path], "a" in mode)

    def stat(self, path):
        self.use()
        if path.rstrip("/") in self.folders:
            return (_FOLDER, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        if path not in self.files:
            raise OSError(_ENOENT)
        return (_FILE, 0, 0, 0, 0, 0, len(self.files[path]), 0, 0, 0)

    def statvfs(self, path):
        self.use()
        return (4096, 4096, 200, 100, 100, 0, 0, 0, 0, 255)

    def ilistdir(self, path):
        self.use()
        start = path.rstrip("/") + "/"
        return [(name[len(start) :], _FILE, 0) for name in self.files if name.startswith(start) and "/" not in name[len(start) :]]

    def listdir(self, path):
        return [entry[0] for entry in self.ilistdir(path)]

    def mkdir(self, path):
        self.use()
        if path in self.folders:
            raise OSError(_EEXIST)
        self.folders.add(path)

    def remove(self, path):
        self.use()
        self.fail()
        if self.files.pop(path, None) is None:
            raise OSError(_ENOENT)

    def rename(self, old, new):
        self.use()
        self.files[new] = self.files.pop(old)


class File:
    def __init__(self, fs, data, is_added):
        self.fs = fs
        self.data = data
        self.at = len(data) if is_added else 0

    def readinto(self, buf):
        self.fs.use()
        piece = self.data[self.at : self.at + len(buf)]
        buf[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)

    def read(self, n=-1):
        self.fs.use()
        piece = bytes(self.data[self.at :] if n < 0 else self.data[self.at : self.at + n])
        self.at += len(piece)
        return piece

    def write(self, data):
        self.fs.use()
        try:
            self.fs.fail()
        except OSError:
            data = data[: len(data) // 2]
            self.data[self.at : self.at + len(data)] = data
            raise
        self.data[self.at : self.at + len(data)] = data
        self.at += len(data)
        return len(data)

    def seek(self, n, whence=0):
        self.fs.use()
        self.at = n if whence == 0 else self.at + n
        return self.at

    def close(self):
        self.fs.use()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def forget(world):
    """The world gets a file system of its own, and the library forgets the last one's lock."""
    world.fs = FileSystem(world)
    sys.modules["mungo.port.flash"].flash.__init__()


def make_os(plain):
    """The module `os` of the world that runs."""

    def of(name):
        return lambda *args: getattr(modules.current.world.fs, name)(*args)

    def urandom(n):
        world = modules.current.world
        return plain.urandom(n) if world is None else world.unforeseen.randbytes(n)

    names = ("stat", "statvfs", "ilistdir", "listdir", "mkdir", "remove", "rename")
    return SimpleNamespace(**{name: of(name) for name in names}, getenv=plain.getenv, urandom=urandom)


def open_file(path, *args):
    """The builtin `open`."""
    world = modules.current.world
    return world.fs.open(path, *args) if world is not None else io.open(path, *args)


class Files:
    """A server of files and uploads, its clients, and a thread that uses files of its own."""

    def __init__(self, scene, mgr):
        self.scene = scene
        self.world = world = scene.world
        self.rng = rng = random.Random(f"flash {world.profile.name} {world.seed}")
        self.mgr = mgr
        self.upload, self.files, self.whole = [sys.modules["mungo.http." + name] for name in ("upload", "files", "wholefile")]
        self.flash = sys.modules["mungo.port.flash"].flash
        self.small = b"small " * rng.randrange(1, 50)
        self.long = bytes(range(256)) * rng.choice((12, 30, 80))
        world.fs.files.update({"/www/small.txt": bytearray(self.small), "/www/long.bin": bytearray(self.long)})
        mgr.http_listen("http://0.0.0.0:8100", scene.checks.watch(self.handler))
        for i in range(rng.randrange(1, 3)):
            scene.actor(f"reader{i}", self.client, i)
        scene.thread(self.worker)

    def handler(self, c, ev, hm, _):
        if ev == _HDRS and hm.method == "PUT":
            self.upload.take(c, hm, self.whole.WholeFile, "/www/up", hm.uri[1:])
        elif ev == _MSG and hm.method == "PUT":
            c.http_reply(200, {}, "%d" % hm.sink.offset)
        elif ev == _MSG:
            self.files.serve(c, hm, "/www")

    def worker(self):
        rng = self.rng
        world = self.world
        world.current.is_stranger = True
        try:
            for i in range(rng.randrange(3, 20)):
                data = b"%d " % i * 50
                with self.flash:
                    with world.fs.open("/mine", "wb") as file:
                        file.write(data)
                        if rng.random() < 0.5:
                            self.scene.sleep_ms(rng.choice((0, 1, 5, 30)))
                    with self.flash, world.fs.open("/mine") as file:
                        if file.read() != data:
                            world.fail("the worker reads something else than it has written")
                if rng.random() < 0.7:
                    self.scene.sleep_ms(rng.choice((0, 1, 10)))
        except MemoryError:
            pass

    def client(self, number):
        rng = self.rng
        world = self.world
        for i in range(rng.randrange(2, 6)):
            world.sleep(rng.randrange(30_000))
            peer = Peer(self.scene.net)
            peer.slowness = rng.choice((0, 0, 20_000))
            if not peer.connect(8100):
                return
            body = bytes(rng.choice((0, 10, 700, 3000)))
            length = b"Content-Length: %d\r\n\r\n" % len(body)
            request, status, expected = rng.choice(
                (
                    (b"GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, self.small),
                    (b"GET /long.bin HTTP/1.1\r\nHost: a\r\n\r\n", 200, self.long),
                    (b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n", 404, b"no such file\n"),
                    (b"PUT /%d.%d HTTP/1.1\r\nHost: a\r\n" % (number, i) + length + body, 200, b"%d" % len(body)),
                )
            )
            at = rng.randrange(1, len(request) + 1)
            peer.send(request[:at])
            world.sleep(rng.randrange(5_000))
            peer.send(request[at:])
            if rng.random() < 0.2:
                world.sleep(rng.randrange(20_000))
                getattr(peer, rng.choice(("reset", "close")))()
                continue
            found = []

            def whole(peer=peer, found=found):
                found[:] = [split(peer.inbox)]
                return found[0] is not None

            if not peer.until(whole, 60_000_000):
                stats = self.mgr.stats
                excused = self.scene.is_ending or world.memory_faults or stats["timeouts"] or stats["refused"] or stats["starved"]
                excused = excused or stats["evicted"] or self.mgr.idle_ms < 5000
                if not excused:
                    world.fail(f"reader{number} got no answer to {request[:20]}, or not all of it: {bytes(peer.inbox[:80])}")
                return
            got = found[0][:2]
            if got != (status, expected) and got[0] not in (408, 500, 503):
                world.fail(f"reader{number} got {got[0]} {got[1][:40]} for {request[:20]}")
            peer.close()
