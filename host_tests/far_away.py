"""A proxy that makes a server far away: a delay each way, and a limited rate."""

import asyncio
import contextlib
import threading


class FarAway:
    """`with FarAway(port) as far:` then far.port leads to 127.0.0.1:port, `delay` seconds away, with `rate` bytes a second for all."""

    def __init__(self, port, delay=0.01, rate=400_000):
        self.target = port
        self.delay = delay
        self.rate = rate
        self.free_at = 0.0

    def __enter__(self):
        started = threading.Event()
        self.loop = asyncio.new_event_loop()

        async def serve():
            self.server = await asyncio.start_server(self.client, "127.0.0.1", 0)
            self.port = self.server.sockets[0].getsockname()[1]
            started.set()
            await self.server.serve_forever()

        def run():
            with contextlib.suppress(asyncio.CancelledError):
                self.loop.run_until_complete(serve())
            while tasks := asyncio.all_tasks(self.loop):  # those that have begun to end
                self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

        self.thread = threading.Thread(target=run)
        self.thread.start()
        started.wait()
        return self

    def __exit__(self, *_):
        def stop():
            for task in asyncio.all_tasks(self.loop):
                task.cancel()

        self.loop.call_soon_threadsafe(stop)
        self.thread.join()

    async def client(self, reader, writer):
        await asyncio.sleep(2 * self.delay)  # the handshake
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        with contextlib.suppress(asyncio.CancelledError):  # at the end: else asyncio reports it
            await asyncio.gather(self.pump(reader, up_writer, False), self.pump(up_reader, writer, True), return_exceptions=True)
        for one in (writer, up_writer):
            one.close()

    async def pump(self, reader, writer, is_limited):
        """Each piece arrives `delay` later, in order; the next may be under way meanwhile."""
        queue = asyncio.Queue(64)

        async def deliver():
            while True:
                due, data = await queue.get()
                await asyncio.sleep(max(0, due - self.loop.time()))
                if not data:
                    if writer.can_write_eof():
                        writer.write_eof()
                    return
                writer.write(data)
                await writer.drain()

        task = asyncio.ensure_future(deliver())
        try:
            while True:
                data = await reader.read(4096)
                due = self.loop.time() + self.delay
                if is_limited and data:
                    self.free_at = max(self.free_at, self.loop.time()) + len(data) / self.rate
                    due = max(due, self.free_at + self.delay)
                await queue.put((due, data))
                if not data:
                    break
            await task
        except OSError:
            task.cancel()
            writer.transport.abort()  # a reset is passed on as one
