"""select.poll that hands out the registered objects, not file numbers, and has ipoll."""

import errno
import os
import select
from operator import index

from . import sockets

_real_poll = select.poll
_IN_OUT = select.POLLIN | select.POLLOUT
_NVAL = 32


def _file_number(obj):
    try:
        return obj if isinstance(obj, int) else obj.tls_fileno() if hasattr(obj, "tls_fileno") else obj.fileno()
    except AttributeError:
        raise OSError(errno.EINVAL, "stream operation not supported") from None


class Poll:
    def __init__(self):
        self._poll = _real_poll()
        self._files = {}  # object -> file number when it was registered
        self._objects = {}  # file number -> object
        self._closed = []  # registered, but closed since: each pass reports them
        self._tls = {}  # TLS socket -> mask: what to wait for, it knows itself
        self._closes = sockets.closes

    def register(self, obj, mask=_IN_OUT, /):
        if hasattr(obj, "tls_fileno"):
            self._tls[obj] = mask
        if obj in self._files:
            if obj not in self._closed:
                self._poll.modify(self._files[obj], mask)
            return
        fd = _file_number(obj)
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
        self._tls.pop(obj, None)
        if obj in self._closed:
            self._closed.remove(obj)
        elif fd is not None:
            del self._objects[fd]
            self._poll.unregister(fd)

    def poll(self, ms=-1, /):
        ms = -1 if ms is None else index(ms)
        self._find_closed()
        ready = [(obj, _NVAL) for obj in self._closed]
        first = {}  # what TLS sockets have to say before anybody waits
        for obj, mask in self._tls.items():
            if obj not in self._closed:
                first[obj], wanted = obj.before_poll(mask)
                self._poll.modify(self._files[obj], wanted)
        for fd, event in self._poll.poll(0 if ready or any(first.values()) else ms):
            obj = self._objects[fd]
            if obj in first:
                event = obj.after_poll(self._tls[obj], event) | first.pop(obj)
            ready.append((obj, event))
        ready += [(obj, event) for obj, event in first.items() if event]
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
            if not isinstance(obj, int) and _file_number(obj) != fd:
                del self._objects[fd]
                self._closed.append(obj)
                self._poll.unregister(fd)


def install():
    select.poll = Poll
