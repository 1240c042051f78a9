"""A cable to the broker that can be pulled: a proxy of TCP, with a port of its own for each client."""

import asyncio


class Wire:
    """One client's cable. `bytes` and `chunks` have passed it. `await open()` first: then `port` is where the client connects."""

    def __init__(self, host, port):
        self.broker = host, port
        self.halves = set()
        self.is_pulled = False
        self.bytes = self.chunks = 0

    async def open(self):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Half(self), "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    def reset(self):
        """End what is connected: both ends notice at once."""
        for half in list(self.halves):
            half.transport.abort()

    def pull(self):
        """Nothing passes, and nobody is told."""
        self.is_pulled = True
        for half in self.halves:
            half.transport.pause_reading()

    def plug(self):
        """New connections pass; what was connected is not, any more."""
        self.is_pulled = False
        self.reset()

    def close(self):
        self.server.close()
        self.reset()


class Half(asyncio.Protocol):
    """One end's connection: the client's, and, with it as `peer`, the broker's."""

    def __init__(self, wire, peer=None):
        self.wire = wire
        self.peer = peer

    def connection_made(self, transport):
        self.transport = transport
        self.wire.halves.add(self)
        if self.peer is None:
            transport.pause_reading()  # until the broker's end is there
            if not self.wire.is_pulled:
                self.task = asyncio.ensure_future(self.dial())
            return
        self.peer.peer = self
        if self.wire.is_pulled:
            transport.pause_reading()
        elif self.peer.transport.is_closing():
            transport.abort()
        else:
            self.peer.transport.resume_reading()

    async def dial(self):
        try:
            await asyncio.get_running_loop().create_connection(lambda: Half(self.wire, self), *self.wire.broker)
        except OSError:
            self.transport.abort()  # there is no broker now

    def data_received(self, data):
        self.wire.bytes += len(data)
        self.wire.chunks += 1
        self.peer.transport.write(data)

    def connection_lost(self, error):
        self.wire.halves.discard(self)
        if self.peer is not None and not self.wire.is_pulled:
            self.peer.transport.close()
