# Updates over the air, from the bundle's bytes to the files and ota.state; test_ota_power.py has the power cuts, test_slots.py the start.

import json
import os

import aboard  # noqa: F401
import mungo
import mungo.ota as ota
import mungo.ota.bundle as reader
import otaboard
from flashing import Sharing
from otaboard import Board, N, bundle, entry, padded, power, seal, sign, tree

MIN_HEAP = "1M"  # the test client and bundles as one piece; test_updates.py has a small heap
FILES = {
    "apps/hello/__init__.py": b"print('new')\n",
    "bundled.py": b"APP = 'hello'\n",
    "lib/mungo/empty.py": b"",
    "www/page.html": bytes(range(256)) * 20,
}


def client(guard=None, **limits):
    app = mungo.App()
    ota.routes(app, guard)
    app.get("/fast")(lambda req: "hi\n")
    return app.test_client(**limits)


def settle(web):
    """Turn until the files that are not wanted have gone."""
    for _ in range(1000):
        if ota.device.clearing is None and not web.mgr.flash_waiters:
            return
        web.mgr.poll(0)
    raise AssertionError("it does not end")


def post(data, status, word="", **limits):
    """Upload `data`: the answer's JSON, whose status must be this, and whose error must have this word."""
    with client(**limits) as web:
        answer = web.post("/api/update", body=data)
        found = answer.json
        assert answer.status == status, (answer.status, found)
        settle(web)
        if status != 200:
            assert word in found["error"] and found["error"][-1] == ".", found
        else:
            assert found["error"] == "" and found["step"] == "", found
        key = "installed" if status == 200 else "failed"
        assert web.mgr.stats["updates"][key] == 1 and sum(web.mgr.stats["updates"].values()) == 1
        assert web.mgr.stats["bugs"] == 0
    return found


def changed(before):
    return {name: data for name, data in tree().items() if before.get(name) != data}


def refused(data, status, word=""):
    """It is refused, and nothing is left behind."""
    before = tree()
    state = dict(ota.state())
    post(data, status, word)
    assert tree() == before and "a" not in os.listdir(".") and "b" not in os.listdir(".")
    for name in ("version", "slot", "trial", "next"):
        assert ota.state()[name] == state[name]


# --- what is right


def test_a_bundle_is_installed_in_the_folder_that_does_not_run():
    for slot, other in (("", "a"), ("a", "b"), ("b", "a")):
        with Board(slot=slot, version=4):
            answer = post(bundle(FILES, 5), 200)
            assert answer["next"] == 5 and answer["version"] == 4 and answer["slot"] == slot and not answer["trial"]
            assert answer["done"] == answer["total"] == len(bundle(FILES, 5))
            assert {name[2:]: data for name, data in tree().items() if name[:2] == other + "/"} == FILES
            ota.device.load()  # as the next start
            assert ota.state()["next"] == 5 and ota.state()["to"] == other and ota.state()["board"] == "TEST"


class Renaming:
    """In the place of the module's `os`: how deep this thread is in the flash's lock at each rename."""

    def __init__(self):
        self.depths = []

    def rename(self, old, new):
        self.depths.append(mungo.flash.depth)
        os.rename(old, new)


def test_the_state_is_saved_under_the_lock_of_the_flash():
    with Board() as board, Sharing():
        ota.os = renaming = Renaming()
        try:
            ota.device.save(error="x")
        finally:
            ota.os = os
        assert renaming.depths == [1] and json.loads(tree()["ota.state"])["error"] == "x", board


def test_clear_tells_whether_there_was_a_file():
    with Board():
        before = tree()
        folder = ota.device.folder()
        for name in (folder, folder + "/x"):
            os.mkdir(name)
        for name in (folder + "/1", folder + "/x/2"):
            otaboard.put(name, "x")
        found = []
        while not found or found[-1]:
            found.append(ota.device.clear())
            assert len(found) < 9
        assert found[0] is True and found[-1] is False and tree() == before, found
        assert ota.device.clear() is False


def test_pieces_of_any_size():
    data = bundle({"x": b"123", "y": b"", "z": b"4567" * 100}, 1)
    for size in (1, 7, 16, 17, 400, 401, 100000):
        with Board():
            with client(rx_bytes=256) as web:
                pieces = (data[at : at + size] for at in range(0, len(data), size))
                assert web.post("/api/update", body=pieces).status == 200
            assert tree("a") == {"a/x": b"123", "a/y": b"", "a/z": b"4567" * 100}


def test_a_hundred_files_fit_in_a_small_heap():
    files = {"lib/mungo/folder%d/a_file_%d.mpy" % (n // 20, n): b"%d" % n * 50 for n in range(100)}
    with Board():
        post(bundle(files, 1), 200)
        assert len(tree("a")) == 100


def test_an_update_that_was_not_started_is_replaced():
    with Board():
        post(bundle({"first": b"1", "x/y/z": b"old"}, 3), 200)
        refused_data = bundle({"first": b"1"}, 3, board="OTHER")
        post(refused_data, 409, "OTHER")
        assert set(tree("a")) == {"a/first", "a/x/y/z"} and ota.state()["next"] == 3  # what is refused does not touch it
        post(bundle({"second": b"2"}, 2), 200)
        assert tree("a") == {"a/second": b"2"} and ota.state()["next"] == 2


def test_one_that_breaks_off_ends_the_one_before():
    with Board():
        post(bundle({"first": b"1"}, 3), 200)
        post(bundle({"second": b"2" * 100}, 4)[:-1], 400, "cut off")
        assert ota.state()["next"] == 0 and "a" not in os.listdir(".")


# --- what is wrong

HEAD = b'{"board": "TEST", "version": 1, "to": "folder"}'
HASH = b"0" * 64
LINES = {
    "nothing": b"",
    "no object": b"[]",
    "no JSON": b"{board}",
    "a text": b'"board"',
    "a number": b"1\n" + entry("x", b""),
    "null": b"null\n" + entry("x", b""),
    "no board": b'{"version": 1, "to": "folder"}\n' + entry("x", b""),
    "no version": b'{"board": "TEST", "to": "folder"}\n' + entry("x", b""),
    "no to": b'{"board": "TEST", "version": 1}\n' + entry("x", b""),
    "version is text": b'{"board": "TEST", "version": "1", "to": "folder"}\n' + entry("x", b""),
    "version is a fraction": b'{"board": "TEST", "version": 1.5, "to": "folder"}\n' + entry("x", b""),
    "version is true": b'{"board": "TEST", "version": true, "to": "folder"}\n' + entry("x", b""),
    "version is null": b'{"board": "TEST", "version": null, "to": "folder"}\n' + entry("x", b""),
    "to something": b'{"board": "TEST", "version": 1, "to": "nowhere"}\n' + entry("x", b""),
    "not UTF-8": b'{"board": "\xff", "version": 1, "to": "folder"}\n' + entry("x", b""),
    "no files": HEAD,
    "an empty line": HEAD + b"\n",
    "a line of blanks": HEAD + b"\n  ",
    "two words": HEAD + b"\n" + HASH + b" 0",
    "four words": HEAD + b"\n" + HASH + b" 0 x y",
    "two blanks": HEAD + b"\n" + HASH + b"  0 x",
    "a length in hex": HEAD + b"\n" + HASH + b" 0x1 x",
    "a negative length": HEAD + b"\n" + HASH + b" -1 x",
    "a length with a sign": HEAD + b"\n" + HASH + b" +1 x",
    "a length with _": HEAD + b"\n" + HASH + b" 1_0 x",
    "no length": HEAD + b"\n" + HASH + b"  x",
    "CRLF": HEAD + b"\r\n" + entry("x", b"") + b"\r",
    "twice": HEAD + b"\n" + entry("x", b"") + b"\n" + entry("x", b""),
    "no order": HEAD + b"\n" + entry("y", b"") + b"\n" + entry("x", b""),
    "a long path": HEAD + b"\n" + entry("x" * 101, b""),
}
PATHS = ("", "/", "/x", "x/", "..", "../x", "x/..", "x/../y", "./x", ".", "x/./y", "x//y", ".x", "x/.y", "x\\y", "..\\x", "x:y", "~/x",
         "x\0y", "x\ty", "caf\u00e9", "x*", "x?", "%2e%2e/x", "a|b", "-/../../x", "/a/boot.py", "//boot.py")  # fmt: skip


def test_malformed_lists_are_refused():
    with Board():
        for name, text in LINES.items():
            print(name)
            refused(seal(text), 400, "malformed")


def test_no_path_leads_out_of_the_folder():
    with Board():
        for path in PATHS:
            if b" " in path.encode() or b"\n" in path.encode():
                continue
            print(repr(path))
            refused(seal(HEAD + b"\n" + entry(path, b"x")) + b"x", 400, "malformed")


def test_what_is_no_bundle_is_refused():
    with Board():
        good = bundle(FILES, 1)
        for data in (b"", b"m", b"mungo-bundle", b"PK\3\4" + bytes(1000), b"Mungo-bundle" + good[12:], bytes(5000), b"\n" + good):
            refused(data, 400)
        refused(b"mungo-bundle" + b"\0\0\x40\1" + bytes(17000), 413, "too long")
        refused(b"mungo-bundle" + b"\xff\xff\xff\xff" + bytes(1000), 413, "too long")
        refused(b"mungo-bundle" + b"\0\0\0\0" + bytes(384), 403, "signed")
        refused(seal(b"x" * 16384), 400, "malformed")


def test_a_bundle_that_is_cut_anywhere_is_refused():
    data = bundle({"a/b": b"1234567890", "c": b"12345"}, 1)
    with Board():
        for at in list(range(0, 40, 3)) + list(range(40, len(data) - 20, 61)) + list(range(len(data) - 17, len(data))):
            refused(data[:at], 400, "cut off")
        refused(data + b"x", 400, "behind its files")
        refused(data + data, 400, "behind its files")
        post(data, 200)


def test_a_changed_byte_anywhere_is_refused():
    data = bundle({"a/b": b"1234567890", "c": b"12345"}, 1)
    with Board():
        for at in list(range(0, 16)) + list(range(16, len(data) - 15, 37)) + list(range(len(data) - 15, len(data))):
            wrong = bytearray(data)
            wrong[at] ^= 1 + at % 255
            before = tree()
            with client() as web:
                status = web.post("/api/update", body=bytes(wrong)).status
                settle(web)
            assert status in (400, 403, 413), (at, status)
            assert status == 400 or at < len(data) - 15
            assert tree() == before and ota.state()["next"] == 0
            if at >= len(data) - 15:
                assert "is corrupt" in ota.state()["error"]


def test_two_files_that_cannot_both_be():
    with Board():
        refused(bundle({"a": b"x", "a/b": b"y"}, 1), 507, "can't take it")


def test_a_wrong_board_and_an_older_version():
    with Board(version=7):
        refused(bundle(FILES, 8, board="OTHER"), 409, "for OTHER")
        refused(bundle(FILES, 8, board=""), 409)
        for version in (7, 6, 1, 0, -1, -(1 << 70)):
            refused(bundle(FILES, version), 409, "is not newer than version 7")
        post(bundle(FILES, 1 << 40), 200)
        assert ota.state()["next"] == 1 << 40


def test_a_file_that_can_not_be_read_is_told():
    with Board():
        for name in ("ota.state", "ota.json"):
            with open(name, "w") as file:
                file.write("{")
            ota.device.load()
            assert ota.state()["error"].startswith(name + " can't be read: "), ota.state()
            os.remove(name)
            ota.device.load()  # a device without updates has neither
            assert ota.state()["error"] == ""


# --- the signature


def test_signatures_that_are_none():
    good = bundle(FILES, 1)
    text_end = 16 + int.from_bytes(good[12:16], "big")
    head, signature, rest = good[:text_end], good[text_end : text_end + 384], good[text_end + 384 :]
    number = int.from_bytes(signature, "big")
    wrong = [bytes(384), b"\xff" * 384, b"\0" * 383 + b"\1", (N - 1).to_bytes(384, "big"), N.to_bytes(384, "big"), head[:384] + bytes(384)]
    wrong += [(number ^ 1 << bit).to_bytes(384, "big") for bit in (0, 7, 1000, 3071)]
    wrong += [(N - number).to_bytes(384, "big"), sign(head + b"x"), sign(head[:-1]), sign(b""), sign(head[16:])]
    wrong += [padded(head), number.to_bytes(384, "little")]
    if number + N < 1 << 3072:
        wrong.append((number + N).to_bytes(384, "big"))
    # What fits in fewer bytes, or has more
    wrong += [signature[1:], signature[:-1], signature + b"\0", b"\0" + signature, b""]
    with Board():
        for n, other in enumerate(wrong):
            print(n)
            if len(other) > 384 and other[:384] == signature:  # the rest is a file's first byte
                refused(head + other + rest, 400, "is corrupt")
            else:
                refused(head + other + rest, 403, "signed")
        refused(head + rest + signature, 403, "signed")


# Paddings that lax verifiers take (Bleichenbacher 2006, and its later forms). The owner's key makes them here: only the padding is wrong.
def test_signatures_with_another_padding():
    head = bundle(FILES, 1)
    rest = head[16 + int.from_bytes(head[12:16], "big") + 384 :]
    head = head[: 16 + int.from_bytes(head[12:16], "big")]
    right = padded(head)
    info = otaboard.DIGEST_INFO
    digest = right[-32:]
    hidden = b"\x000;0\x17\x06\t`\x86H\x01e\x03\x04\x02\x01\x05\x0a" + bytes(10) + b"\x04 "
    blocks = {
        "little padding, and something behind": b"\0\1" + b"\xff" * 8 + b"\0" + info + digest + bytes(384 - 62),
        "the hash in the middle": b"\0\1" + b"\xff" * 100 + b"\0" + info + digest + b"\xaa" * (384 - 154),
        "no padding": b"\0\1\0" + info + digest + bytes(384 - 54),
        "type 2": b"\0\2" + right[2:],
        "type 0": b"\0\0" + right[2:],
        "no 0 in front": b"\1" + right[1:],
        "zeros as padding": b"\0\1" + bytes(331) + info + digest,
        "a gap in the padding": right[:50] + b"\xfe" + right[51:],
        "something in front of the hash": b"\0\1" + b"\xff" * 320 + b"\0" + b"\xaa" * 10 + info + digest,
        "parameters missing": b"\0\1" + b"\xff" * 332 + b"\x000/0\x0b\x06\t`\x86H\x01e\x03\x04\x02\x01\x04 " + digest,
        "parameters that hide something": b"\0\1" + b"\xff" * 320 + hidden + digest,
        "the hash alone": b"\0\1" + b"\xff" * 349 + b"\0" + digest,
        "the name of SHA-512": right.replace(b"e\x03\x04\x02\x01", b"e\x03\x04\x02\x03"),
        "the hash of something else": padded(head + b"x"),
        "half of the hash": right[:-16] + bytes(16),
        "no separator": b"\0\1" + b"\xff" * 331 + info + digest,
    }  # fmt: skip
    with Board():
        for name, block in blocks.items():
            print(name)
            assert len(block) == 384, (name, len(block))
            refused(head + power(int.from_bytes(block, "big")).to_bytes(384, "big") + rest, 403, "signed")
        post(head + power(int.from_bytes(right, "big")).to_bytes(384, "big") + rest, 200)


def test_another_key():
    with Board(key="%x" % (N + 2)):
        refused(bundle(FILES, 1), 403, "signed")


def test_without_a_key_nothing_is_taken():
    for text in (None, "{}", "", "[", '{"board": "TEST"}', '{"board": "TEST", "key": ""}', '{"board": "TEST", "key": "xyz"}', '{"key": 5}'):
        with Board(key=""):
            if text is not None:
                otaboard.put("ota.json", text)
            ota.device.load()
            refused(bundle(FILES, 1), 409, "no key")


def test_what_is_not_signed_writes_nothing():
    data = bytearray(bundle(FILES, 1))
    data[100] ^= 1
    opened = []

    def plain_open(path, *mode):
        opened.append((path, mode))
        return open(path, *mode)

    with Board():
        reader.open = plain_open  # pyright: ignore
        try:
            refused(bytes(data), 403)
            assert not opened
            post(bundle(FILES, 1), 200)
            assert len(opened) == len(FILES)
        finally:
            del reader.open  # pyright: ignore


# --- the flash


class Os:
    """`os` with so many blocks of 4096 bytes free."""

    def __init__(self, free):
        self.free = free

    def __getattr__(self, name):
        return getattr(os, name)

    def statvfs(self, path):
        return (4096, 4096, 1000, self.free, self.free, 0, 0, 0, 0, 255)


def test_a_full_flash_is_said_before_anything_is_written():
    files = {"x/a": bytes(9000), "x/b": bytes(10), "y/z/c": bytes(4096)}
    # 13 KB: 3 blocks and one more for each file, 2 for each of three folders, and 8 to spare
    for free, status in ((0, 507), (19, 507), (20, 200), (1000, 200)):
        with Board():
            reader.os = Os(free)  # pyright: ignore
            try:
                if status == 200:
                    post(bundle(files, 1), 200)
                else:
                    refused(bundle(files, 1), 507, "%d KB free, and the update needs 80 KB" % (free * 4))
            finally:
                reader.os = os


def test_a_flash_that_fails_or_is_full_leaves_nothing():
    class File:
        is_short = False

        def __init__(self, path, mode):
            self.file = open(path, mode)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            left[0] -= len(data)
            if left[0] < 0:
                if self.is_short:
                    return len(data) - 1
                raise OSError(28)
            return self.file.write(data)

    left = [0]
    reader.open = File  # pyright: ignore
    try:
        for n in (0, 10, 30, 5000):
            for File.is_short in (False, True):
                with Board():
                    left[0] = n
                    refused(bundle(FILES, 1), 507, "The device can't take it")
    finally:
        del reader.open  # pyright: ignore


def test_an_update_waits_while_a_worker_uses_the_flash():
    data = bundle(FILES, 1)
    with Board():
        with Sharing() as sharing:
            with client() as web:
                assert web.post("/api/update", body=bundle({"x": b"1"}, 1)).status == 200  # (and all that it imports is there)
                assert tree("a") == {"a/x": b"1"}
                done = []
                web.mgr.timer(30, lambda _: (done.append(len(tree())), sharing.let_go()))
                sharing.hold()
                assert web.post("/api/update", body=data).status == 200
                assert done == [3]  # as before
                assert web.mgr.stats["bugs"] == 0
        assert len(tree("a")) == len(FILES)


# --- the routes


def test_a_client_that_leaves_is_a_cut():
    data = bundle({"x/y": bytes(15000)}, 1)
    with Board():
        with client() as web:

            def body():
                for at in range(0, 14000, 1000):
                    yield data[at : at + 1000]
                raise ValueError("it leaves")

            try:
                web.post("/api/update", body=body())
                raise AssertionError
            except OSError:  # of this client
                pass
            for _ in range(20):
                web.mgr.poll(0)
            settle(web)
            assert web.get("/api/update").json["error"] == "The update was cut off."
            assert web.get("/api/update").json["step"] == "" and "a" not in os.listdir(".")
            assert web.mgr.stats["updates"] == {"installed": 0, "failed": 1}
            assert web.post("/api/update", body=data).status == 200  # and the next one comes


def test_the_loop_goes_on_and_one_update_comes_at_a_time():
    data = bundle({"x": bytes(range(256)) * 100}, 1)
    seen = []
    with Board():
        with client(rx_bytes=128) as web:
            upload = web.open("POST", "/api/update", [], data, None, None)
            while upload.answer is None:
                state = web.get("/api/update").json
                seen.append((state["step"], state["done"], state["total"]))
                assert web.get("/fast").text == "hi\n"
                if len(seen) == 2:
                    other = web.post("/api/update", body=data)
                    assert other.status == 409 and "Another" in other.json["error"], (other.json, state)
            assert upload.answer.status == 200
            assert web.mgr.stats["updates"] == {"installed": 1, "failed": 1}
    done = [n for _, n, _ in seen]
    assert done == sorted(done) and done[-1] > 10000 and len(set(done)) > 3
    steps = [step for step, _, _ in seen]
    assert "receive" in steps and "write" in steps
    assert [total for step, _, total in seen if step == "write"] == [len(data)] * steps.count("write")


def test_other_requests_are_answered_between_the_multiplications():
    turns = []

    class Steps:
        def __init__(self, steps):
            self.steps = steps
            self.close = steps.close

        def send(self, piece):
            turns.append(now[0])
            return self.steps.send(piece)

    now = [0]
    install = reader.install
    reader.install = lambda *args: Steps(install(*args))
    try:
        with Board():
            with client() as web:
                poll = web.mgr.poll

                def counted(ms=-1):
                    now[0] += 1
                    return poll(ms)

                web.turn = counted
                assert web.post("/api/update", body=bundle({"x": b"1"}, 1)).status == 200
    finally:
        reader.install = install
    assert len(set(turns)) >= 16, turns


def test_a_guard_is_asked_before_each_and_before_the_body():
    asked = []

    def guard(req):
        asked.append((req.method, req.path))
        return None if req.headers.get("X-Admin") else ({"error": "log in first"}, 401)

    with Board():
        with client(guard) as web:
            for method, path in (("GET", ""), ("POST", ""), ("POST", "/good"), ("POST", "/restart")):
                answer = web.request(method, "/api/update" + path, body=bundle(FILES, 1) if not path and method == "POST" else None)
                assert answer.status == 401 and answer.json == {"error": "log in first"}
            assert ota.state()["next"] == 0 and "updates" not in web.mgr.stats
            assert len(asked) == 4
            assert web.get("/api/update", headers={"X-Admin": "1"}).status == 200
            assert web.post("/api/update", body=bundle(FILES, 1), headers={"X-Admin": "1"}).status == 200


def test_a_trial_is_kept_once():
    with Board(version=8, slot="b", trial=True, back=["a", 7]):
        with client() as web:
            assert web.get("/api/update").json["trial"]
            answer = web.post("/api/update", body=bundle(FILES, 9))
            assert answer.status == 409 and "on trial" in answer.json["error"]
            assert web.post("/api/update/good").json["trial"] is False
            assert web.post("/api/update/good").status == 409
        ota.device.load()
        assert (ota.state()["version"], ota.state()["slot"], ota.state()["trial"]) == (8, "b", False)
        post(bundle(FILES, 9), 200)
        assert "a" in os.listdir(".")


def test_good_and_watch():
    timers = []

    class Mgr:
        def timer(self, ms, fn, repeat):
            assert repeat
            timers.append((ms, fn))

    with Board(version=8, slot="b", trial=True, back=["", 7]):
        ota.watch(Mgr())
        assert [ms for ms, _ in timers] == [60000]
        with Sharing() as sharing:  # a worker uses the flash, and the loop does not wait for it
            sharing.hold()
            assert timers[0][1](None)[1] == 503 and ota.state()["trial"]
            sharing.let_go()
        timers[0][1](None)
        assert not ota.state()["trial"]
        ota.watch(Mgr())
        assert len(timers) == 1
        assert ota.good() == ({"error": "Nothing is on trial."}, 409)


def test_restart_stops_the_manager_of_a_host():
    with Board():
        with client() as web:
            assert web.post("/api/update/restart").status == 202
            assert web.mgr.running


def test_the_state_is_whole_after_a_save_that_fails():
    with Board(version=3, slot="a"):
        real = ota.os

        class Broken:
            @staticmethod
            def rename(old, new):
                raise OSError(5)

        ota.os = Broken  # pyright: ignore
        try:
            ota.device.save(next=5)
            raise AssertionError
        except OSError:
            pass
        finally:
            ota.os = real
        assert ota.state()["next"] == 0
        ota.device.load()
        assert ota.state()["next"] == 0 and ota.state()["version"] == 3
        otaboard.put("ota.state", json.dumps(ota.state())[:-5])  # nobody can write such a file, and it is as none
        ota.device.load()
        assert ota.state()["version"] == 0
