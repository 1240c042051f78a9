# One thread at a time uses the file system of the flash. The loop never waits for that: what it has to do there it does in a later turn.

import builtins
import io
import os
import sys
import time

import mungo
from app_client import Browser, Served
from flashing import Sharing, Watched, flash
from mungo.app import App
from mungo.http import files, upload
from mungo.http.formdata import Form
from mungo.http.wholefile import WholeFile, offset
from net import Client, listening
from raising import raised
from sites import Serving, pattern
from waiting import Crew, turns, until

MIN_HEAP = "900k"


def held(it, mgr, ask, is_answered):
    """Ask while a worker has the lock: the loop serves others, sleeps, and answers when the lock is free."""
    it.hold()
    ask()
    turns(mgr, 20)
    assert mgr.flash_waiters and not is_answered()
    start = time.ticks_ms()
    for _ in range(5):
        mgr.poll(1000)  # it looks again, and does not spin
    assert 5 <= time.ticks_diff(time.ticks_ms(), start)
    assert not is_answered()
    it.let_go()


def test_elsewhere_there_is_no_lock():
    assert flash.lock is None
    assert flash.begin() and flash.begin(True)
    flash.end()
    with flash:
        pass
    assert flash.depth == 0


def test_a_port_that_needs_it_shares_once():
    port = sys.modules["mungo.port.flash"]
    assert not port.SHARES_FLASH
    one = port.Flash()
    plain_import = builtins.__import__
    port.SHARES_FLASH = True
    try:
        one.share()
        lock = one.lock
        one.share()
        assert lock is not None and one.lock is lock and one.plain_import is plain_import
    finally:
        builtins.__import__ = plain_import
        port.SHARES_FLASH = False


def test_a_thread_may_enter_again_and_others_wait():
    with Sharing():
        entered = []

        def worker():
            with flash:
                entered.append(flash.depth)

        with flash:
            with flash:
                assert flash.begin() and flash.depth == 3
                flash.end()
            crew = Crew()
            crew.start(worker)
            time.sleep_ms(20)
            assert not entered  # (if it is slow to start, this shows nothing; what follows does)
        crew.join()
        assert entered == [1] and flash.depth == 0 and not flash.lock.locked()


def test_begin_without_waiting_says_no():
    with Sharing() as it:
        it.hold()
        assert not flash.begin() and flash.is_wanted and flash.depth == 0
        it.let_go()
        assert flash.begin()
        flash.end()


def test_a_worker_that_comes_again_and_again_lets_the_loop_go_first():
    with Sharing():
        ends = []
        crew = Crew()

        def worker():
            while not ends:
                with flash:
                    time.sleep_ms(3)

        crew.start(worker)
        start = time.ticks_ms()
        for _ in range(10):
            while not flash.begin():
                time.sleep_ms(2)  # as the loop does
                assert time.ticks_diff(time.ticks_ms(), start) < 10000
            flash.end()
        ends.append(1)
        crew.join()


def test_imports_are_under_the_lock_and_loaded_modules_are_not():
    with Sharing() as it:
        seen = []
        flash.plain_import, plain = (lambda *args: seen.append((args[0], flash.depth)) or plain(*args)), flash.plain_import
        try:
            import sample_late

            it.hold()
            import sample_late as again  # it is there: no need to wait
            from mungo.http import files as third

            it.let_go()
            assert again is sample_late and third is files
        finally:
            flash.plain_import = plain
            sys.modules.pop("sample_late", None)
        assert ("sample_late", 1) in seen and ("sample_late", 0) in seen, seen
        assert sample_late.relative is files


def test_late_parts_are_loaded_before_workers_start():
    from mungo.http.lazy import parts

    with Sharing():
        for name in ("chunked", "match", "stream"):
            if name in parts.__dict__:
                delattr(parts, name)
        with mungo.Manager() as mgr:
            mgr.workers(n=1)
            for name in ("chunked", "head", "match", "response", "stream"):
                assert name in parts.__dict__, name


# --- files


class Full:
    """In the place of the list of what waits: one entry, and no memory for another one."""

    def __init__(self, entry):
        self.entries = [entry]

    def __len__(self):
        return len(self.entries)

    def pop(self, at):
        return self.entries.pop(at)

    def append(self, entry):
        raise MemoryError


def test_what_waits_goes_on_waiting_without_memory():
    called = []
    with Sharing() as sharing, mungo.Manager() as mgr:
        sharing.hold()
        mgr.flash_waiters = Full((lambda c, arg: called.append(arg), None, 7))
        for _ in range(3):
            mgr.poll(0)
        assert not called and len(mgr.flash_waiters) == 1
        sharing.let_go()
        mgr.poll(0)
        assert called == [7] and not mgr.flash_waiters


def test_a_file_waits_for_the_worker_and_others_do_not():
    with Serving() as site, Sharing() as it:
        site.write("a.txt", b"hello")
        site.write("b.txt", b"there")
        first = Browser(site.mgr, site.port)

        def is_answered():
            first.client.look()
            return first.client.got

        for target, status, body in (("/a.txt?x=1", 200, b"hello"), ("/none", 404, b"no such file\n"), ("/", 404, b"no such file\n")):
            held(it, site.mgr, lambda target=target: first.send(target, lines="X: y\r\n"), is_answered)
            answer = first.answer()
            assert (answer.status, answer.body) == (status, body), target
        # What the head says still counts.
        held(it, site.mgr, lambda: first.send("/b.txt", lines="Range: bytes=1-2\r\n"), is_answered)
        answer = first.answer()
        assert (answer.status, answer.body) == (206, b"he")
        held(it, site.mgr, lambda: first.send("/b.txt", "HEAD"), is_answered)
        assert first.answer("HEAD").field("content-length") == "5"
        first.close()


def test_pipelined_requests_behind_a_file_that_waits_are_answered_in_order():
    with Serving() as site, Sharing() as it:
        site.write("a.txt", b"first")
        site.write("b.txt", b"second")
        mine = Browser(site.mgr, site.port)
        it.hold()
        mine.client.send(b"GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /b.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        turns(site.mgr, 10)
        it.let_go()
        assert mine.answer().body == b"first" and mine.answer().body == b"second"
        mine.close()


def test_a_long_file_goes_on_when_the_worker_has_let_go():
    with Serving({"send_slice": 2000}) as site, Sharing() as it:
        data = pattern(60000)
        site.write("long.bin", data)
        mine = Browser(site.mgr, site.port)
        mine.send("/long.bin")
        until(lambda: mine.client.look() or len(mine.client.got) > 3000, site.mgr)
        it.hold()
        turns(site.mgr, 3)
        mine.client.look()
        size = len(mine.client.got)
        assert size < 50000
        turns(site.mgr, 20)
        mine.client.look()
        assert len(mine.client.got) == size
        it.let_go()
        assert mine.answer().body == data
        mine.close()


class Handle:
    """A file that says when it is closed."""

    closed = 0

    def __init__(self, file):
        self.file = file
        self.readinto = file.readinto
        self.read = file.read
        self.seek = file.seek

    def close(self):
        Handle.closed += 1
        self.file.close()


def test_the_file_of_a_client_that_leaves_is_closed_when_the_worker_has_let_go():
    from mungo.http.part import Part

    with Serving({"send_slice": 2000}) as site, Sharing() as it:
        site.write("long.bin", pattern(60000))
        Handle.closed = 0

        conns = []

        def fn(c, ev, hm, fn_data):
            if ev == mungo.EV_HTTP_MSG:
                conns.append(c)
                c.http_reply(200, {}, Part(Handle(open(site.root + "/long.bin", "rb")), 60000))

        _, port = listening(lambda url: site.mgr.http_listen(url, fn))
        mine = Client(site.mgr, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        mine.until(lambda c: len(c.got) > 3000)
        it.hold()
        conns[0].is_closing = True
        until(lambda: site.mgr.accepted == 0, site.mgr)
        mine.close()
        assert not Handle.closed
        it.let_go()
        until(lambda: Handle.closed, site.mgr)
        turns(site.mgr, 5)
        assert Handle.closed == 1 and not site.mgr.flash_waiters


def test_a_manager_that_closes_closes_files_that_wait():
    from mungo.http.part import Part

    with Serving({"send_slice": 2000}) as site, Sharing() as it:
        site.write("long.bin", pattern(60000))
        Handle.closed = 0
        mgr = mungo.Manager(send_slice=2000)

        conns = []

        def fn(c, ev, hm, fn_data):
            if ev == mungo.EV_HTTP_MSG:
                conns.append(c)
                c.http_reply(200, {}, Part(Handle(open(site.root + "/long.bin", "rb")), 60000))

        _, port = listening(lambda url: mgr.http_listen(url, fn))
        mine = Client(mgr, port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        mine.until(lambda c: len(c.got) > 3000)
        it.hold()
        conns[0].is_closing = True
        until(lambda: mgr.accepted == 0, mgr)
        mine.close()
        it.let_go()
        assert mgr.close() and Handle.closed == 1


def test_a_file_of_an_app_waits_with_its_hooks_and_error_handlers():
    with Serving() as site, Sharing() as it:
        site.write("a.txt", b"hello")
        app = App()
        hooks = []

        @app.get("/<path:rest>")
        def asset(req, rest):
            return files.send(site.root, rest)

        @app.get("/worker/<path:rest>", worker=True)
        def worker(req, rest):
            return files.send(site.root, rest)

        @app.after_request
        def stamp(req, response):
            hooks.append(req.path)
            response.headers["X-Path"] = req.path

        @app.errorhandler(404)
        def none(req, error):
            return "no %s\n" % req.path

        with Served(app) as served:
            mgr = served.mgr
            page = served.browser()

            def is_answered():
                page.client.look()
                return page.client.got

            for target, status, body in (("/a.txt", 200, b"hello"), ("/b", 404, b"no /b\n"), ("/worker/a.txt", 200, b"hello")):
                hooks.clear()
                it.hold()
                page.send(target)
                until(lambda: mgr.flash_waiters, mgr)
                turns(mgr, 5)
                assert not is_answered()
                it.let_go()
                answer = page.answer()
                assert (answer.status, answer.body) == (status, body), target
                if status == 200:
                    assert answer.field("x-path") == target and hooks == [target]


def test_a_packed_module_needs_no_lock():
    class Packed:
        @staticmethod
        def stat(path):
            if path != "/a.txt":
                raise OSError(2)
            return (0x8000, 0, 0, 0, 0, 0, 5, 0, 0, 0)

        @staticmethod
        def open(path, mode):
            return io.BytesIO(b"hello")

    with Serving(root=Packed) as site, Sharing() as it:
        mine = Browser(site.mgr, site.port)
        it.hold()
        assert mine.ask("/a.txt").body == b"hello"
        it.let_go()
        mine.close()


# --- uploads


class Uploads:
    """`with Uploads(is_app) as it`: a server that takes uploads into a folder that is empty at first."""

    def __init__(self, is_app):
        self.site = Serving()
        self.folder = self.site.root
        self.mgr = self.site.mgr
        self.told = []
        if is_app:
            app = App()
            app.post("/form", stream=True)(self.form)
            app.put("/raw/<name>", stream=True)(self.raw)
            _, self.port = listening(lambda url: app.attach(self.mgr, url))
        else:
            _, self.port = listening(lambda url: self.mgr.http_listen(url, self.fn))

    def form(self, req):
        up = yield from upload.receive(req, Form, self.folder)
        return "%s %d files" % (req.path, len(up.files))

    def raw(self, req, name):
        up = yield from upload.receive(req, WholeFile, self.folder, name)
        return "%s %d" % (req.path, up.offset)

    def fn(self, c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_HDRS:
            if hm.match("/form"):
                upload.take(c, hm, Form, self.folder)
            elif hm.match("/raw/*"):
                upload.take(c, hm, WholeFile, self.folder, hm.uri[5:])
        elif ev == mungo.EV_HTTP_MSG:
            up = hm.sink
            c.http_reply(200, {}, "%s %d files" % (hm.uri, len(up.files)) if hm.match("/form") else "%s %d" % (hm.uri, up.offset))

    def names(self):
        return sorted(os.listdir(self.folder))

    def read(self, name):
        with open(self.folder + "/" + name, "rb") as file:
            return file.read()

    def __enter__(self):
        self.site.__enter__()
        return self

    def __exit__(self, *args):
        assert not upload._open
        self.site.__exit__(*args)


def both(test):
    """Make `test(is_app)` a test of both voices."""

    def run():
        for is_app in (True, False):
            try:
                test(is_app)
            except Exception:
                print("App" if is_app else "events")
                raise

    return run


RAW = b"PUT /raw/x.bin HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
TYPE = b"Content-Type: multipart/form-data; boundary=XX\r\n"
FORM = b'--XX\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n' + b"abcdefgh" * 100 + b"\r\n--XX--\r\n"


@both
def test_an_upload_waits_at_each_step(is_app):
    # A worker has the lock when the head comes, when a piece does, when the last one does, or all the time in between.
    with Uploads(is_app) as it, Sharing() as sharing:
        for head, body, name, said in (
            (RAW % 3000, b"0123456789" * 300, "x.bin", b"/raw/x.bin 3000"),
            (RAW % 0, b"", "x.bin", b"/raw/x.bin 0"),
            (b"POST /form HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n" % (TYPE, len(FORM)), FORM, "a.bin", b"/form 1 files"),
        ):
            whole = head + body
            right = b"abcdefgh" * 100 if name == "a.bin" else body
            for cuts in ((len(whole),), (len(head), len(whole)), (len(head) - 1, len(whole) - 1, len(whole)), range(0, len(whole) + 1, 97)):
                for at in range(len(cuts) + 1):
                    client = Client(it.mgr, it.port)
                    last = 0
                    for i, cut in enumerate(list(cuts) + [len(whole)]):
                        if i == at:
                            sharing.hold()
                        client.send(whole[last:cut])
                        last = cut
                        turns(it.mgr, 3)
                        if i == at:
                            turns(it.mgr, 3)
                            sharing.let_go()
                    client.until_has(said)
                    assert b"200 OK" in client.got and it.read(name) == right, (name, at, list(cuts))
                    client.send(b"GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" if is_app else b"")
                    if is_app:
                        client.until_has(b" 404 ")  # the connection is as it was
                    client.close()
                    assert it.names() == [name], it.names()
                    os.remove(it.folder + "/" + name)


@both
def test_what_is_wrong_is_said_after_the_wait(is_app):
    with Uploads(is_app) as it, Sharing() as sharing:
        for request, status in (
            (b"PUT /raw/.. HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", b" 400 "),
            (b"PUT /raw/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n", b" 413 "),
            (b"POST /form HTTP/1.1\r\nHost: a\r\n%sContent-Length: 8\r\n\r\nno form " % TYPE, b" 400 "),
        ):
            sharing.hold()
            client = Client(it.mgr, it.port, request)
            turns(it.mgr, 10)
            assert not client.got
            sharing.let_go()
            client.until_has(status)
            client.close()
            assert it.names() == []


@both
def test_a_client_that_leaves_an_upload_that_waits_leaves_nothing(is_app):
    with Uploads(is_app) as it, Sharing() as sharing:
        for n in (0, 10, 3000):
            client = Client(it.mgr, it.port, RAW % 3000)
            turns(it.mgr, 5)
            sharing.hold()
            client.send(b"x" * n)
            turns(it.mgr, 5)
            client.close()
            turns(it.mgr, 5)
            sharing.let_go()
            until(lambda: not it.mgr.flash_waiters and it.mgr.accepted == 0, it.mgr)
            assert it.names() == ["x.bin"] * (n == 3000) or it.names() == [], (n, it.names())
            assert not upload._open
            if it.names():
                os.remove(it.folder + "/x.bin")


def test_the_offset_of_an_upload_is_503_meanwhile():
    with Uploads(True) as it, Sharing() as sharing:
        assert offset(it.folder, "x") == 0
        sharing.hold()
        er = raised(upload.UploadError, offset, it.folder, "x")
        assert er.status == 503 and er.headers == {"Retry-After": "1"}
        sharing.let_go()


# --- all of it, with a thread that uses files


def test_workers_and_the_loop_are_never_in_the_file_system_together():
    with Uploads(True) as it, Sharing():
        it.site.write("a.txt", b"hello")
        it.site.write("long.bin", pattern(40000), None)
        with Watched(1) as watched:
            use_files_from_both_sides(it)
        assert watched.calls > 50 and watched.overlaps == 0, (watched.calls, watched.overlaps)


def use_files_from_both_sides(it):
    crew = Crew()
    ends = []

    def worker():
        n = 0
        while not ends:
            with flash:
                with open(it.folder + "/mine", "wb") as file:
                    file.write(b"%d" % n)
            with flash:
                with open(it.folder + "/mine", "rb") as file:
                    assert file.read() == b"%d" % n
            n += 1

    crew.start(worker)
    mine = Browser(it.mgr, it.site.port)
    theirs = Client(it.mgr, it.port)
    for _ in range(3):
        assert mine.ask("/a.txt").body == b"hello"
        assert mine.ask("/long.bin").body == pattern(40000)
        theirs.got = b""
        theirs.send(RAW % 3000 + b"0123456789" * 300)
        theirs.until_has(b"/raw/x.bin 3000")
    gone = Client(it.mgr, it.port, RAW % 3000 + b"x" * 100)
    turns(it.mgr, 10)
    gone.close()
    until(lambda: it.mgr.accepted == 2 and not it.mgr.flash_waiters, it.mgr)
    ends.append(1)
    crew.join(it.mgr)
    mine.close()
    theirs.close()


# --- the firmware's files


def test_settings_wait_for_a_worker_but_not_for_ever():
    import store

    name = "/tmp/mungo-%d.txt" % time.ticks_us()
    plain = store.WAIT_MS
    store.WAIT_MS = 20
    try:
        with Sharing() as it:
            store.write(name, b"old")
            it.hold()
            er = raised(OSError, store.write, name, b"new")
            assert er.errno == 16  # EBUSY
            assert store.read(name) is None  # and says why
            it.let_go()
            assert store.read(name) == b"old"
            store.WAIT_MS = 10000
            crew = Crew()
            it.hold()
            crew.start(store.write, name, b"new")
            it.let_go()
            crew.join()
            assert store.read(name) == b"new"
            store.remove(name)
    finally:
        store.WAIT_MS = plain
