# Uploads to the file systems that boards have, in RAM: full, overwritten, broken off.

import os

import mungo
from mungo.http import upload
from mungo.http.formdata import Form
from mungo.http.wholefile import WholeFile, offset
from net import Client, listening
from waiting import turns, until

LANES = ("upy",)
FOLDER = "/flash/up"


class Disk:
    def __init__(self, blocks):
        self.data = bytearray(blocks * 512)

    def readblocks(self, n, buf, at=0):
        at += n * 512
        buf[:] = self.data[at : at + len(buf)]

    def writeblocks(self, n, buf, at=0):
        at += n * 512
        self.data[at : at + len(buf)] = buf

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // 512
        if op == 5:
            return 512
        if op == 6:
            return 0


def each_file_system(test):
    def run():
        for kind in (os.VfsFat, os.VfsLfs2):
            disk = Disk(160)
            kind.mkfs(disk)
            os.mount(kind(disk), "/flash")
            mgr = mungo.Manager()
            try:
                os.mkdir(FOLDER)
                _, port = listening(lambda url, mgr=mgr: mgr.http_listen(url, fn))
                test(mgr, port)
                assert mgr.stats["bugs"] == 0 and not upload._open
            except Exception:
                print(kind)
                raise
            finally:
                mgr.close()
                os.umount("/flash")

    return run


def fn(c, ev, hm, fn_data):
    if ev == mungo.EV_HTTP_HDRS:
        if hm.match("/form"):
            upload.take(c, hm, Form, FOLDER)
        else:
            upload.take(c, hm, WholeFile, FOLDER, hm.uri[1:])
    elif ev == mungo.EV_HTTP_MSG:
        c.http_reply(201)


def put(mgr, port, name, body, lines=""):
    client = Client(mgr, port, ("PUT /%s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n" % (name, lines, len(body))).encode())
    for at in range(0, len(body), 4096):
        client.send(body[at : at + 4096])
        turns(mgr, 3)
    status = client.until(lambda c: b"\r\n\r\n" in c.got)[9:12]
    client.close()
    return int(status)


def names():
    return sorted(os.listdir(FOLDER))


def read(name):
    with open(FOLDER + "/" + name, "rb") as file:
        return file.read()


@each_file_system
def test_files_arrive_and_replace_older_ones(mgr, port):
    for body in (b"abc" * 5000, b"short", b"", b"xyz" * 7000):
        assert put(mgr, port, "a.bin", body) == 201
        assert names() == ["a.bin"] and read("a.bin") == body


@each_file_system
def test_resuming_appends(mgr, port):
    data = b"0123456789" * 1000
    assert put(mgr, port, "a.bin", data[:3333], "Content-Range: bytes 0-3332/10000\r\n") == 201
    assert offset(FOLDER, "a.bin") == 3333
    assert put(mgr, port, "a.bin", data[3333:], "Content-Range: bytes 3333-9999/10000\r\n") == 201
    assert names() == ["a.bin"] and read("a.bin") == data


@each_file_system
def test_a_file_that_does_not_fit_is_refused_before_it_comes(mgr, port):
    assert put(mgr, port, "old", b"x" * 30000) == 201
    room = upload.free_bytes(FOLDER)
    assert 8192 < room < 60000, room
    client = Client(mgr, port, b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % room)
    assert client.until_has(b"\r\n\r\n")[9:12] == b"507"
    client.close()
    assert names() == ["old"]


@each_file_system
def test_a_file_system_that_fills_up_in_the_middle(mgr, port):
    known = upload.free_bytes
    upload.free_bytes = lambda folder: None
    room = known(FOLDER)
    try:
        for path in ("/a", "/form"):
            head = b"%s %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: multipart/form-data; boundary=XX\r\n\r\n"
            client = Client(mgr, port, head % (b"PUT" if path == "/a" else b"POST", path.encode()))
            if path == "/form":
                part = b'--XX\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\n\r\n%s\r\n'
                body = part % (b"one", b"x" * 1000) + part % (b"two", b"x" * 4096)
                client.send(b"%x\r\n%s\r\n" % (len(body) - 2, body[:-2]))
            for _ in range(40):
                client.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                turns(mgr, 3)
                client.look()
                if client.got:
                    break
            assert client.until_has(b"\r\n\r\n")[9:12] == b"507", client.got
            client.close()
            assert names() == [] and known(FOLDER) >= room - 1024, (names(), known(FOLDER), room)
        assert put(mgr, port, "b", b"x" * 20000) == 201
    finally:
        upload.free_bytes = known


@each_file_system
def test_who_leaves_leaves_nothing(mgr, port):
    room = upload.free_bytes(FOLDER)
    for _ in range(10):
        client = Client(mgr, port, b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n" + b"x" * 9000)
        until(names, mgr)
        client.close()
        until(lambda: not mgr.accepted, mgr)
        assert names() == []
    assert upload.free_bytes(FOLDER) >= room - 1024
