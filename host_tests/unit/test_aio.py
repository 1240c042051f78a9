# One thread, two loops: a manager inside an asyncio program. Neither waits for the other, whoever ends.

import asyncio
import socket
import time

import mungo
from app_client import Served, split
from mungo.aio import Poller, serve
from mungo.app import App
from net import bound, listening, udp_peer
from raising import raised
from waiting import open_files

MIN_HEAP = "384k"

S = 5  # no wait is longer


async def pause(seconds):
    """asyncio.sleep, which in MicroPython is no coroutine: `await` takes it, a task does not."""
    await asyncio.sleep(seconds)


def run(main):
    """Run the coroutine; asyncio must have its own poller back at its end."""
    if hasattr(asyncio.core, "_task_queue"):
        asyncio.new_event_loop()  # MicroPython has one for all: forget what the last test has left

    async def outer():
        before = asyncio.core._io_queue.poller
        await asyncio.wait_for(main, S)
        assert asyncio.core._io_queue.poller is before and not isinstance(before, Poller)

    asyncio.run(outer())


async def until(ready):
    start = time.ticks_ms()
    while not ready():
        assert time.ticks_diff(time.ticks_ms(), start) < S * 1000
        await asyncio.sleep(0.001)


class Site:
    """An App that is served in a task, with a manager of the test's."""

    def __init__(self, app):
        self.mgr = mungo.Manager()
        _, self.port = listening(lambda url: app.attach(self.mgr, url))

    async def start(self):
        self.task = asyncio.create_task(serve(self.mgr))
        await asyncio.sleep(0)

    async def ask(self, target):
        """The Answer, by asyncio's own streams, in the same loop."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode())
        await writer.drain()
        data = b""
        while split(data) is None:
            piece = await reader.read(1000)
            assert piece, data
            data += piece
        writer.close()
        await writer.wait_closed()
        return split(data)[0]

    async def stop(self):
        self.mgr.stop()
        await self.task
        assert not isinstance(asyncio.core._io_queue.poller, Poller)
        assert self.mgr.close()


def hello():
    app = App()
    app.get("/")(lambda req: "hi\n")
    return app


def test_both_loops_go_on():
    async def main():
        app = hello()

        @app.get("/slow", worker=True)
        def slow(req):
            time.sleep_ms(100)
            return "slow\n"

        ticks = []

        async def tick():
            while True:
                await asyncio.sleep(0.01)
                ticks.append(1)

        site = Site(app)
        await site.start()
        ticker = asyncio.create_task(tick())
        asked = asyncio.create_task(site.ask("/slow"))
        n = 0
        while not asked.done():
            assert (await site.ask("/")).body == b"hi\n"
            n += 1
        assert (await asked).body == b"slow\n" and n > 2
        assert len(ticks) > 2
        ticker.cancel()
        await site.stop()

    run(main())


def test_nobody_waits_for_the_other_s_timers():
    async def main():
        site = Site(hello())
        await site.start()
        long = asyncio.create_task(pause(S))
        start = time.ticks_ms()
        for _ in range(20):
            assert (await site.ask("/")).status == 200
        assert time.ticks_diff(time.ticks_ms(), start) < 20 * 100  # the task that serves looks up each 100 ms
        fired = []
        site.mgr.timer(20, fired.append, 1)
        site.mgr.timer(60000, fired.append, 2)
        await until(lambda: fired)
        await asyncio.sleep(0.05)
        assert fired == [1]
        long.cancel()
        await site.stop()

    run(main())


class Queue:
    """asyncio's, with tasks that wait for these sockets: {number: [reader, writer, socket]}."""

    def __init__(self, tasks):
        self.map = tasks
        self.registered = []
        self.poller = self  # at first, and at the end

    def register(self, sock, mask):
        self.registered.append((sock, mask))

    def unregister(self, sock):
        """It waits in the manager's poll now."""


def test_tasks_wait_for_the_same_in_either_poller():
    # Before the manager comes, with it, and when it has gone: to read, to write, or both.
    mgr = mungo.Manager()
    pairs = [bound(socket.SOCK_DGRAM) for _ in range(3)]
    reads, writes, both = [sock for sock, _ in pairs]
    queue = Queue({1: ["task", None, reads], 2: [None, "task", writes], 3: ["task", "task", both]})
    poller = Poller(mgr, queue)
    assert queue.poller is poller

    def ready():
        return sorted([([reads, writes, both].index(sock), ev) for sock, ev in poller.ipoll(1000)])

    assert ready() == [(1, 4), (2, 4)]  # a datagram may always be sent
    for _, port in pairs:
        peer = udp_peer(port)
        peer.send(b"x")
        peer.close()
    until_ready = [(0, 1), (1, 4), (2, 5)]
    for _ in range(100):
        if ready() == until_ready:
            break
    assert ready() == until_ready
    poller.leave()
    assert queue.poller is queue and sorted([mask for _, mask in queue.registered]) == [1, 4, 5]
    assert [mask for sock, mask in queue.registered if sock is reads] == [1]
    assert mgr.close()
    for sock, _ in pairs:
        sock.close()


def test_idle_it_sleeps():
    async def main():
        site = Site(hello())
        turns = []
        look = site.mgr.look

        def counted(ms):
            turns.append(ms)
            look(ms)

        site.mgr.look = counted
        await site.start()
        await asyncio.sleep(0.5)
        n = len(turns)
        await site.stop()
        assert 3 <= n <= 30, n  # 5 for the task that serves, each with a turn or two

    run(main())


def test_streams_of_asyncio_beside_it():
    async def main():
        site = Site(hello())
        port = listening(lambda url: mungo.Manager().http_listen(url, None).mgr.close())[1]
        asked = []

        async def echo(reader, writer):
            while True:
                data = await reader.read(5000)
                if not data:
                    break
                writer.write(data)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

        async def client(n):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            data = bytes([n]) * 8000
            for _ in range(3):
                writer.write(data)
                await writer.drain()
                assert await reader.readexactly(len(data)) == data
                asked.append((await site.ask("/")).status)
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(echo, "127.0.0.1", port)
        early = asyncio.create_task(client(9))
        await asyncio.sleep(0)  # it waits already when the manager comes
        await site.start()
        await asyncio.gather(early, *[client(n) for n in range(4)])
        assert asked == [200] * 15
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        late = asyncio.create_task(reader.readexactly(3))
        await asyncio.sleep(0.01)
        await site.stop()  # and still waits when it goes
        writer.write(b"abc")
        await writer.drain()
        assert await late == b"abc"
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    run(main())


def test_a_handler_starts_a_task_that_answers():
    async def main():
        mgr = mungo.Manager()

        async def answer(c):
            await asyncio.sleep(0.01)
            c.http_reply(200, {}, "from a task")

        def fn(c, ev, hm, fn_data):
            if ev == mungo.EV_HTTP_MSG:
                asyncio.create_task(answer(c))

        site = Site(hello())
        site.mgr.close()
        site.mgr = mgr
        _, site.port = listening(lambda url: mgr.http_listen(url, fn))
        await site.start()
        assert (await site.ask("/")).body == b"from a task"
        await site.stop()

    run(main())


def test_a_handler_may_cancel_any_task():
    async def main():
        app = hello()
        cancelled = []
        tasks = []

        async def waits(reader):
            try:
                await (reader.read(1) if reader else asyncio.sleep(S))
            except asyncio.CancelledError:
                cancelled.append(reader)
                raise

        @app.get("/cancel")
        def cancel(req):
            for task in tasks:
                task.cancel()
            return "done"

        site = Site(app)
        await site.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        tasks.append(asyncio.create_task(waits(None)))
        tasks.append(asyncio.create_task(waits(reader)))  # its socket leaves the poll set meanwhile
        await asyncio.sleep(0.01)
        writer.write(b"GET /cancel HTTP/1.1\r\nHost: a\r\n\r\n")  # which answers to just that
        await writer.drain()
        await until(lambda: len(cancelled) == 2)
        assert sorted([reader is None for reader in cancelled]) == [False, True]
        assert site.mgr.stats["bugs"] == 0
        writer.close()
        await writer.wait_closed()
        await site.stop()

    run(main())


def test_a_task_is_cancelled_in_the_turn_in_which_its_data_come():
    async def main():
        site = Site(hello())
        await site.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        task = asyncio.create_task(reader.read(1000))
        await asyncio.sleep(0.01)
        site.mgr.timer(0, lambda arg: task.cancel())  # timers come after sockets
        for c in site.mgr.conns:
            if c.peer and not c.is_listening:
                c.send("some data")
        try:
            await task
        except asyncio.CancelledError:
            pass
        else:
            raise AssertionError("not cancelled")
        assert site.mgr.stats["bugs"] == 0
        writer.close()
        await writer.wait_closed()
        await site.stop()

    run(main())


def test_a_handler_may_cancel_the_task_that_ran_last():
    async def main():
        site = Site(hello())
        await site.start()
        me = asyncio.current_task()
        site.mgr.timer(0, lambda arg: me.cancel())
        try:
            await asyncio.sleep(S)
        except asyncio.CancelledError:
            pass
        else:
            raise AssertionError("not cancelled")
        assert site.mgr.stats["bugs"] == 0
        await site.stop()

    run(main())


def test_cancelled_it_closes_the_manager():
    async def main():
        files = open_files()
        mgrs = []
        app = hello()
        app.get("/me")(lambda req: str(mgrs.append(req.c.mgr)))
        site = Site(app)
        port = site.port
        site.mgr.close()
        for _ in range(3):
            task = asyncio.create_task(app.serve("127.0.0.1", port, max_conns=9))
            await asyncio.sleep(0)
            await site.ask("/me")
            assert mgrs[-1].running and mgrs[-1].max_conns == 9
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
            assert mgrs[-1].closed and mgrs[-1].poller is None
            await asyncio.sleep(0)
        assert len(mgrs) == 3 and open_files() == files

    run(main())


def test_stop_ends_it():
    async def main():
        app = hello()

        @app.get("/stop")
        def stop(req):
            req.c.mgr.stop()
            return "bye"

        site = Site(app)
        port = site.port
        site.mgr.close()
        task = asyncio.create_task(app.serve("127.0.0.1", port))
        await asyncio.sleep(0)
        assert (await site.ask("/stop")).body == b"bye"
        await task

    run(main())


def test_a_taken_port_is_raised():
    async def main():
        files = open_files()
        with Served(hello()) as site:
            try:
                await hello().serve("127.0.0.1", site.port)
            except OSError:
                pass
            else:
                raise AssertionError("not raised")
        assert open_files() == files

    run(main())


def test_an_exception_in_the_poll_closes_the_manager_and_ends_the_program():
    seen = []

    async def main():
        site = Site(hello())
        seen.append((site.mgr, asyncio.core._io_queue, asyncio.core._io_queue.poller))
        await site.start()

        def look(ms):
            raise KeyboardInterrupt

        site.mgr.look = look
        await asyncio.sleep(S)

    raised(KeyboardInterrupt, asyncio.run, main())
    mgr, queue, poller = seen[0]
    assert mgr.closed and queue.poller is poller
    run(pause(0))  # another program in the same interpreter


def test_a_manager_that_is_closed_meanwhile():
    async def main():
        site = Site(hello())
        await site.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        late = asyncio.create_task(reader.read(10))
        await asyncio.sleep(0.01)
        assert site.mgr.close()
        await site.task
        assert await late == b""
        writer.close()
        await writer.wait_closed()

    run(main())


def test_two_managers_in_one_loop_are_refused():
    async def main():
        site = Site(hello())
        await site.start()
        other = mungo.Manager()
        try:
            await serve(other)
        except RuntimeError:
            pass
        else:
            raise AssertionError("not raised")
        assert (await site.ask("/")).status == 200
        other.close()
        await site.stop()

    run(main())
