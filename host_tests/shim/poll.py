"""select.poll that hands out the registered objects, not file numbers, and has ipoll."""

import errno
import os
import select
from operator import index

from . import sockets

_real_poll = select.poll
_IN_OUT = select.POLLIN | select.POLLOUT
_NVAL = 32


class Poll:
    def __init__(self):
        self._poll = _real_poll()
        self._files = {}  # object -> file number when it was registered
        self._objects = {}  # file number -> object
        self._closed = []  # registered, but closed since: each pass reports them
        self._closes = sockets.closes

    def register(self, obj, mask=_IN_OUT, /):
        if obj in self._files:
            if obj not in self._closed:
                self._poll.modify(self._files[obj], mask)
            return
        try:
            fd = obj if isinstance(obj, int) else obj.fileno()
        except AttributeError:
            raise OSError(errno.EINVAL, "stream operation not supported") from None
        self._find_closed()
        self._files[obj] = fd
        if fd < 0:
            self._closed.append(obj)
        else:
            self._objects[fd] = obj
            self._poll.register(fd, mask)

    def modify(self, obj, mask, /):
        if obj not in self._files:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        self.register(obj, mask)

    def unregister(self, obj, /):
        fd = self._files.pop(obj, None)
        if obj in self._closed:
            self._closed.remove(obj)
        elif fd is not None:
            del self._objects[fd]
            self._poll.unregister(fd)

    def poll(self, ms=-1, /):
        ms = -1 if ms is None else index(ms)
        self._find_closed()
        ready = [(obj, _NVAL) for obj in self._closed]
        for fd, event in self._poll.poll(0 if ready else ms):
            ready.append((self._objects[fd], event))
        return ready

    def ipoll(self, ms=-1, flags=0, /):
        ready = self.poll(ms)
        if flags & 1:
            for obj, _ in ready:
                self.modify(obj, 0)
        return self._still_registered(ready)

    def _still_registered(self, ready):
        for entry in ready:
            if entry[0] in self._files:
                yield entry

    # A closed socket's file number may soon be another socket's, whose events must not be reported for the old one.
    # Looked for only when some socket has been closed since the last pass.
    def _find_closed(self):
        if self._closes == sockets.closes:
            return
        self._closes = sockets.closes
        for fd, obj in list(self._objects.items()):
            if not isinstance(obj, int) and obj.fileno() != fd:
                del self._objects[fd]
                self._closed.append(obj)
                self._poll.unregister(fd)


def install():
    select.poll = Poll
