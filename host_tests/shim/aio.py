"""asyncio: CPython's own, with the real socket module, and with the parts of MicroPython's `asyncio.core` that a poller can be put into.

There asyncio waits in `core._io_queue.poller`, something with select.poll's register, modify, unregister and ipoll, and `map`
says who waits for what. Here `_io_queue` is the selector of the running loop, which does the same with file numbers.
"""

import importlib.abc
import importlib.machinery
import math
import select
import sys
import types

_IN, _OUT = select.POLLIN, select.POLLOUT


class Finder(importlib.abc.MetaPathFinder):
    """Finds asyncio, when it is first imported, which takes as long as all the rest of the shim; and ssl, for the shim's tls."""

    def __init__(self, real_socket):
        self.real_socket = real_socket

    def find_spec(self, name, path=None, target=None):
        if name in ("asyncio", "ssl"):
            spec = importlib.machinery.PathFinder.find_spec(name, path, target)
            spec.loader = Loader(spec.loader, self.real_socket)
            return spec
        return None


class Loader(importlib.abc.Loader):
    def __init__(self, loader, real_socket):
        self.loader = loader
        self.real_socket = real_socket

    def exec_module(self, module):
        board_socket = sys.modules["socket"]
        sys.modules["socket"] = self.real_socket
        try:
            self.loader.exec_module(module)
        finally:
            sys.modules["socket"] = board_socket
        if module.__name__ == "asyncio":
            adapt(module)


class Core(types.ModuleType):
    cur_task = None

    @property
    def _io_queue(self):
        return sys.modules["asyncio"].get_running_loop()._selector


def adapt(asyncio):
    import selectors

    class Selector(selectors.BaseSelector):
        def __init__(self):
            self.poller = select.poll()  # the shim's
            self.keys = {}  # by file number

        @property
        def map(self):
            return {fd: [key.events & selectors.EVENT_READ, key.events & selectors.EVENT_WRITE, fd] for fd, key in self.keys.items()}

        def register(self, fileobj, events, data=None):
            fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
            self.keys[fd] = key = selectors.SelectorKey(fileobj, fd, events, data)
            self.poller.register(fd, _mask(events))
            return key

        def unregister(self, fileobj):
            key = self.get_key(fileobj)
            del self.keys[key.fd]
            self.poller.unregister(key.fd)
            return key

        def modify(self, fileobj, events, data=None):
            fd = self.get_key(fileobj).fd
            self.keys[fd] = key = selectors.SelectorKey(fileobj, fd, events, data)
            self.poller.modify(fd, _mask(events))
            return key

        def select(self, timeout=None):
            ready = []
            for fd, ev in self.poller.ipoll(-1 if timeout is None else max(0, math.ceil(timeout * 1000))):
                key = self.keys[fd]
                events = (ev & ~_OUT and selectors.EVENT_READ) | (ev & ~_IN and selectors.EVENT_WRITE)
                ready.append((key, events & key.events))
            return ready

        def get_key(self, fileobj):
            return self.keys[fileobj if isinstance(fileobj, int) else fileobj.fileno()]

        def get_map(self):
            return self.keys

    def _mask(events):
        return (_IN if events & selectors.EVENT_READ else 0) | (_OUT if events & selectors.EVENT_WRITE else 0)

    selectors.DefaultSelector = Selector
    asyncio.core = sys.modules["asyncio.core"] = Core("asyncio.core")


def install(real_socket):
    sys.meta_path.insert(0, Finder(real_socket))
