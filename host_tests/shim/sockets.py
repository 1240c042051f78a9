"""socket.socket with the methods that every port of MicroPython has, and no others.

What a board lacks (getsockname, shutdown, recv_into, `with` ...) is an AttributeError here too. Addresses are
tuples as on boards; a timeout that runs out is OSError(ETIMEDOUT).
"""

import _socket
import errno
import os
import socket  # noqa: F401
import sys
import types

_ALL = 1 << 62
closes = 0  # how many sockets were closed so far: tells a poll that it should look for closed ones


def _error(number):
    return OSError(number, os.strerror(number))


# CPython's own timeouts carry no errno.
def _call(function, *args):
    try:
        return function(*args)
    except TimeoutError:
        raise _error(errno.ETIMEDOUT) from None


def _buffer(data):
    return memoryview(data.encode() if isinstance(data, str) else data).cast("B")


class Socket:
    __slots__ = ("_sock", "__weakref__")

    def __init__(self, af=_socket.AF_INET, type=_socket.SOCK_STREAM, proto=0, /):
        self._sock = _socket.socket(af, type, proto)

    def bind(self, address, /):
        self._sock.bind(address)

    def listen(self, backlog=2, /):
        self._sock.listen(backlog)

    # The accepted socket is blocking whatever the listener is, as on unix and ESP32.
    def accept(self):
        own = self._sock
        fd, address = _call(own._accept)
        accepted = Socket.__new__(Socket)
        accepted._sock = _socket.socket(own.family, own.type, own.proto, fileno=fd)
        return accepted, address

    def connect(self, address, /):
        _call(self._sock.connect, address)

    def send(self, data, /):
        return _call(self._sock.send, _buffer(data))

    # On a non-blocking socket a short write is an error, and how much went out is not to be learnt.
    def sendall(self, data, /):
        view = _buffer(data)
        if self._sock.gettimeout() != 0:
            _call(self._sock.sendall, view)
        elif self._sock.send(view) != len(view):
            raise _error(errno.EINTR)

    def sendto(self, data, address, /):
        return _call(self._sock.sendto, _buffer(data), address)

    def recv(self, size, /):
        return _call(self._sock.recv, size)

    def recvfrom(self, size, /):
        return _call(self._sock.recvfrom, size)

    # The four stream methods loop until they are through or nothing more is to be had. None: nothing at all yet.
    # Datagrams are merged, and an error after some bytes loses them: both as in py/stream.c.
    def read(self, size=-1, /):
        data = bytearray()
        while size < 0 or len(data) < size:
            try:
                part = _call(self._sock.recv, 4096 if size < 0 else size - len(data))
            except BlockingIOError:
                return bytes(data) if data else None
            if not part:
                break
            data += part
        return bytes(data)

    def readinto(self, buf, size=_ALL, /):
        view = _buffer(buf)[:size]
        done = 0
        while done < len(view):
            try:
                count = _call(self._sock.recv_into, view[done:])
            except BlockingIOError:
                return done or None
            if not count:
                break
            done += count
        return done

    def readline(self, size=_ALL, /):
        line = bytearray()
        while len(line) < size and not line.endswith(b"\n"):
            try:
                byte = _call(self._sock.recv, 1)
            except BlockingIOError:
                return bytes(line) if line else None
            if not byte:
                break
            line += byte
        return bytes(line)

    # write(buf), write(buf, size) or write(buf, start, size).
    def write(self, buf, *limits):
        start, size = (0, *limits) if len(limits) == 1 else limits or (0, _ALL)
        view = _buffer(buf)[start:][:size]
        done = 0
        while done < len(view):
            try:
                done += _call(self._sock.send, view[done:])
            except BlockingIOError:
                return done or None
        return done

    def setsockopt(self, level, option, value, /):
        self._sock.setsockopt(level, option, value)

    def settimeout(self, seconds, /):
        self._sock.settimeout(seconds)

    def setblocking(self, flag, /):
        self._sock.setblocking(flag)

    def makefile(self, *_):
        return self

    def fileno(self):
        return self._sock.fileno()

    def close(self):
        global closes
        self._sock.close()
        closes += 1


# Of a name the IPv4 addresses, as on boards; a numeric host asks no name server.
def getaddrinfo(host, port, af=0, type=0, proto=0, flags=0, /):
    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            _socket.inet_pton(family, host.partition("%")[0])
            af = af or family
            flags |= _socket.AI_NUMERICHOST
        except OSError:
            pass
    return _socket.getaddrinfo(host, port, af or _socket.AF_INET, type or _socket.SOCK_STREAM, proto, flags)


# The shim's is another module, so that CPython's own parts can go on with the real one.
def install():
    real = sys.modules["socket"]
    board = types.ModuleType("socket", real.__doc__)
    board.__dict__.update(real.__dict__)
    board.socket = Socket
    board.getaddrinfo = getaddrinfo
    sys.modules["socket"] = board
    return real
