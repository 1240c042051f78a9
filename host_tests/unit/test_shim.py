# The shim makes CPython behave as MicroPython: so the same statements must hold on both.

import _thread
import collections
import errno
import gc
import io
import select
import socket
import sys
import time

import micropython

from net import address, bound
from raising import raised, raised_errno

LANES = ("cpython", "upy")

_MS = 5000  # no wait is longer
_WOULD_BLOCK = (errno.EAGAIN, errno.ETIMEDOUT)  # a timeout's errno differs from port to port


def tcp_pair():
    listener, port = bound(socket.SOCK_STREAM)
    listener.listen(1)
    client = socket.socket()
    client.connect(address(port))
    server = listener.accept()[0]
    listener.close()
    client.setblocking(False)
    server.setblocking(False)
    return client, server


def udp_pair():
    one, one_port = bound(socket.SOCK_DGRAM)
    two, two_port = bound(socket.SOCK_DGRAM)
    one.connect(address(two_port))
    two.connect(address(one_port))
    one.setblocking(False)
    two.setblocking(False)
    return one, two


# Wait until poll says one of these bits of the socket.
def wait(sock, bits):
    poll = select.poll()
    poll.register(sock, bits)
    ready = poll.poll(_MS)
    assert ready and ready[0][1] & bits, ready


def test_socket_has_only_what_boards_have():
    sock = socket.socket()
    names = "accept bind close connect fileno listen makefile read readinto readline recv recvfrom send sendall"
    for name in (names + " sendto setblocking setsockopt settimeout write").split():
        assert hasattr(sock, name), name
    names = "getsockname getpeername getsockopt gettimeout shutdown recv_into recvfrom_into sendmsg detach"
    for name in (names + " connect_ex family type __enter__ __exit__").split():
        assert not hasattr(sock, name), name
    sock.close()


def test_errno_is_first_argument():
    assert OSError(errno.EAGAIN).errno == errno.EAGAIN
    assert OSError(errno.EAGAIN, "text").errno == errno.EAGAIN
    assert OSError("text").errno == "text"
    assert OSError().errno is None
    assert raised_errno(open, "no/such/file") == errno.ENOENT


def test_read_and_recv_without_data():
    client, server = tcp_pair()
    assert server.read(5) is None
    assert server.read() is None
    assert server.readline() is None
    assert server.readinto(bytearray(5)) is None
    assert raised_errno(server.recv, 5) == errno.EAGAIN
    client.close()
    server.close()


def test_readinto_fills_the_buffer_or_takes_what_is_there():
    client, server = tcp_pair()
    assert client.send(b"0123456789A") == 11
    wait(server, select.POLLIN)
    buf = bytearray(8)
    assert server.readinto(buf, 3) == 3
    assert buf == b"012\0\0\0\0\0"
    assert server.readinto(memoryview(buf)[4:]) == 4
    assert buf == b"012\x003456"
    assert server.readinto(buf) == 4
    assert buf == b"789A3456"
    assert server.readinto(bytearray(0)) == 0
    client.close()
    server.close()


def test_read_and_readline():
    client, server = tcp_pair()
    client.send(b"one\ntwo\nthr")
    wait(server, select.POLLIN)
    assert server.read(2) == b"on"
    assert server.readline() == b"e\n"
    assert server.readline(2) == b"tw"
    assert server.readline() == b"o\n"
    assert server.readline() == b"thr"
    client.send(b"rest")
    wait(server, select.POLLIN)
    assert server.read() == b"rest"
    client.close()
    server.close()


def test_write_takes_start_and_size():
    client, server = tcp_pair()
    assert client.write(b"abcdef") == 6
    assert client.write(b"abcdef", 2) == 2
    assert client.write(b"abcdef", 2, 3) == 3
    assert client.write(b"abcdef", 2, 30) == 4
    assert client.write(b"abcdef", 10, 3) == 0
    assert client.write(memoryview(b"xy")) == 2
    assert client.write("str") == 3
    expected = b"abcdefabcdecdefxystr"
    got = b""
    while len(got) < len(expected):
        wait(server, select.POLLIN)
        got += server.recv(100)
    assert got == expected
    client.close()
    server.close()


def test_full_socket():
    client, server = tcp_pair()
    block = bytes(65536)
    total = 0
    while True:
        count = client.write(block)
        if count is None:
            break
        total += count
    assert raised_errno(client.send, b"x") == errno.EAGAIN
    buf = bytearray(4096)
    while total:
        wait(server, select.POLLIN)
        total -= server.readinto(buf)
    wait(client, select.POLLOUT)
    assert client.send(b"x") == 1
    client.close()
    server.close()


def test_end_of_stream():
    client, server = tcp_pair()
    client.send(b"bye")
    client.close()
    wait(server, select.POLLIN)
    assert server.recv(10) == b"bye"
    wait(server, select.POLLIN)
    assert server.recv(10) == b""
    assert server.read(10) == b""
    assert server.readline() == b""
    assert server.readinto(bytearray(5)) == 0
    assert server.recv(10) == b""
    server.send(b"to nobody")  # answered by a reset
    wait(server, select.POLLERR)
    assert raised(OSError, server.send, b"x").errno
    server.close()


def test_closed_socket():
    client, server = tcp_pair()
    client.close()
    client.close()
    for function, argument in (
        (client.recv, 1),
        (client.send, b"x"),
        (client.read, 1),
        (client.write, b"x"),
        (client.setblocking, False),
        (client.settimeout, 1),
    ):
        assert raised_errno(function, argument) == errno.EBADF
    server.close()


def test_accept():
    listener, port = bound(socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.listen()
    listener.setblocking(False)
    assert raised_errno(listener.accept) == errno.EAGAIN
    client = socket.socket()
    client.setblocking(False)
    assert raised_errno(client.connect, address(port)) == errno.EINPROGRESS
    wait(listener, select.POLLIN)
    server, peer = listener.accept()
    wait(client, select.POLLOUT)

    # The accepted socket is blocking though its listener is not: this waits for the thread.
    def send_later():
        time.sleep_ms(50)
        client.send(b"late")

    _thread.start_new_thread(send_later, ())
    assert server.recv(10) == b"late"
    for sock in (client, server, listener):
        sock.close()


def test_refused():
    listener, port = bound(socket.SOCK_STREAM)
    listener.close()
    client = socket.socket()
    client.setblocking(False)
    assert raised_errno(client.connect, address(port)) == errno.EINPROGRESS
    wait(client, select.POLLERR)
    assert raised_errno(client.send, b"x") == errno.ECONNREFUSED
    client.close()


def test_not_connected():
    sock = socket.socket()
    assert raised_errno(sock.recv, 1) == errno.ENOTCONN
    assert raised_errno(sock.send, b"x") == 32  # EPIPE: MicroPython's errno has no name for it
    sock.close()


def test_timeout():
    client, server = tcp_pair()
    server.settimeout(0.02)
    start = time.ticks_ms()
    assert raised_errno(server.recv, 1) in _WOULD_BLOCK
    assert time.ticks_diff(time.ticks_ms(), start) >= 10
    assert raised_errno(server.read, 1) == errno.ETIMEDOUT
    client.send(b"x")
    assert raised_errno(server.read, 2) == errno.ETIMEDOUT  # the x is lost
    server.settimeout(0)
    assert raised_errno(server.recv, 1) == errno.EAGAIN
    listener = bound(socket.SOCK_STREAM)[0]
    listener.listen(1)
    listener.settimeout(0.02)
    assert raised_errno(listener.accept) in _WOULD_BLOCK
    for sock in (client, server, listener):
        sock.close()


def test_datagrams():
    one, two = udp_pair()
    assert one.send(b"AA") == 2
    assert one.send(b"BBB") == 3
    wait(two, select.POLLIN)
    assert two.recv(10) == b"AA"
    assert two.recv(2) == b"BB"  # the rest is dropped
    assert raised_errno(two.recv, 10) == errno.EAGAIN
    one.send(b"AA")
    one.send(b"BBB")
    wait(two, select.POLLIN)
    assert two.read(10) == b"AABBB"  # the stream methods merge them
    one.send(b"AA")
    one.send(b"BBB")
    wait(two, select.POLLIN)
    buf = bytearray(10)
    assert two.readinto(buf) == 5
    assert buf[:5] == b"AABBB"
    one.send(b"q")
    wait(two, select.POLLIN)
    data, sender = two.recvfrom(10)
    assert data == b"q"
    free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    assert raised(OSError, free.send, b"x").errno
    free.sendto(b"stranger", sender)  # a connected socket takes only its peer's
    assert two.send(b"mine") == 4
    wait(one, select.POLLIN)
    assert one.recv(20) == b"mine"
    assert raised_errno(one.recv, 20) == errno.EAGAIN
    for sock in (one, two, free):
        sock.close()


def test_getaddrinfo():
    family, kind, _, _, sockaddr = socket.getaddrinfo("127.0.0.1", 80)[0]
    assert (family, kind) == (socket.AF_INET, socket.SOCK_STREAM)
    assert sockaddr
    assert socket.getaddrinfo("0.0.0.0", 80, socket.AF_INET, socket.SOCK_DGRAM)[0][1] == socket.SOCK_DGRAM
    raised(OSError, socket.getaddrinfo, "not a host", 80)


def test_poll_gives_the_objects():
    client, server = tcp_pair()
    poll = select.poll()
    poll.register(server)
    assert poll.poll(0) == [(server, select.POLLOUT)]
    poll.modify(server, select.POLLIN)
    assert poll.poll(0) == []
    client.send(b"x")
    assert poll.poll(_MS) == [(server, select.POLLIN)]
    poll.register(server, select.POLLIN | select.POLLOUT)  # again: another mask
    assert poll.poll(0) == [(server, select.POLLIN | select.POLLOUT)]
    server.recv(1)
    poll.modify(server, select.POLLIN)
    client.close()
    assert poll.poll(_MS) == [(server, select.POLLIN)]
    poll.unregister(server)
    assert poll.poll(0) == []
    poll.unregister(server)
    assert raised_errno(poll.modify, server, select.POLLIN) == errno.ENOENT
    server.close()


def test_poll_of_a_new_socket():
    sock = socket.socket()
    poll = select.poll()
    poll.register(sock)
    assert poll.poll(0) == [(sock, select.POLLHUP | select.POLLOUT)]
    poll.unregister(sock)
    sock.close()


def test_ipoll():
    one, two = udp_pair()
    poll = select.poll()
    poll.register(one, select.POLLIN)
    poll.register(two, select.POLLOUT)
    seen = [(sock, event) for sock, event in poll.ipoll(0)]
    assert seen == [(two, select.POLLOUT)]
    two.send(b"x")
    wait(one, select.POLLIN)
    seen = [(sock, event) for sock, event in poll.ipoll(_MS, 1)]  # one-shot
    assert len(seen) == 2
    assert [entry for entry in poll.ipoll(0)] == []
    poll.modify(one, select.POLLIN)
    assert [(sock, event) for sock, event in poll.ipoll()] == [(one, select.POLLIN)]
    for sock in (one, two):
        poll.unregister(sock)
        sock.close()


# The system call is made by ipoll itself, not when its result is first looked at.
def test_ipoll_polls_at_once():
    one, two = udp_pair()
    poll = select.poll()
    poll.register(one, select.POLLIN)
    iterator = poll.ipoll(0)
    two.send(b"x")
    wait(one, select.POLLIN)
    assert list(iterator) == []
    poll.unregister(one)
    one.close()
    two.close()


def test_ipoll_skips_what_was_unregistered():
    one, two = udp_pair()
    poll = select.poll()
    poll.register(one, select.POLLOUT)
    poll.register(two, select.POLLOUT)
    seen = 0
    for _ in poll.ipoll(0):
        seen += 1
        poll.unregister(one)
        poll.unregister(two)
    assert seen == 1
    one.close()
    two.close()


def test_poll_of_a_closed_socket():
    one, two = udp_pair()
    poll = select.poll()
    poll.register(one, select.POLLIN)
    one.close()
    assert poll.poll(_MS) == [(one, 32)]  # POLLNVAL, without waiting
    assert [event for _, event in poll.ipoll(_MS)] == [32]
    poll.unregister(one)
    assert poll.poll(0) == []
    two.close()


def test_poll_waits():
    one, two = udp_pair()
    poll = select.poll()
    poll.register(one, select.POLLIN)
    start = time.ticks_ms()
    assert poll.poll(30) == []
    assert time.ticks_diff(time.ticks_ms(), start) >= 29

    def send_later():
        time.sleep_ms(30)
        two.send(b"x")

    _thread.start_new_thread(send_later, ())
    assert poll.poll(-1) == [(one, select.POLLIN)]
    raised(TypeError, poll.poll, 1.5)
    poll.unregister(one)
    one.close()
    two.close()


def test_ticks():
    top = time.ticks_add(0, -1)
    assert top & (top + 1) == 0
    assert time.ticks_add(top, 1) == 0
    assert time.ticks_diff(time.ticks_add(top, 5), top) == 5
    assert time.ticks_diff(top, time.ticks_add(top, 5)) == -5
    raised(OverflowError, time.ticks_add, 0, top)
    raised(TypeError, time.ticks_add, 0, 1.5)
    for now, unit in ((time.ticks_ms, 1), (time.ticks_us, 1000)):
        start = now()
        assert 0 <= start <= top
        time.sleep_ms(20)
        time.sleep_us(20)
        assert 19 * unit <= time.ticks_diff(now(), start) < _MS * unit
    assert isinstance(time.ticks_cpu(), int)
    time.sleep_ms(-5)


def test_lock():
    lock = _thread.allocate_lock()
    assert not lock.locked()
    assert lock.acquire()
    assert not lock.acquire(False)
    assert not lock.acquire(0)
    assert lock.locked()
    lock.release()
    raised(RuntimeError, lock.release)
    with lock:
        assert lock.locked()
    assert not lock.locked()
    try:
        lock.acquire(timeout=1)
    except TypeError:
        pass
    else:
        raise AssertionError("acquire takes a timeout")


def test_lock_released_by_another_thread():
    lock = _thread.allocate_lock()
    lock.acquire()

    def release_later():
        time.sleep_ms(20)
        lock.release()

    _thread.start_new_thread(release_later, ())
    assert lock.acquire()


def test_stack_size():
    default = _thread.stack_size()
    assert _thread.stack_size(2048) == default
    assert _thread.stack_size() == 2048
    assert _thread.stack_size() == default
    done = _thread.allocate_lock()
    done.acquire()
    _thread.stack_size(64 * 1024)
    _thread.start_new_thread(done.release, ())
    _thread.stack_size()
    assert done.acquire()


def test_deque():
    queue = collections.deque((), 2, 1)
    queue.append(1)
    queue.append(2)
    raised(IndexError, queue.append, 3)
    raised(IndexError, queue.appendleft, 3)
    assert [queue.popleft(), queue.popleft()] == [1, 2]
    raised(IndexError, queue.popleft)
    queue = collections.deque((), 2)
    for item in (1, 2, 3):
        queue.append(item)
    assert list(queue) == [2, 3]


def test_gc():
    assert gc.mem_alloc() >= 0
    assert gc.mem_free() > 0
    gc.threshold(100000)
    assert gc.threshold() > 0
    gc.threshold(-1)
    assert gc.threshold() == -1


def test_micropython():
    assert micropython.const(5) == 5
    assert isinstance(micropython.opt_level(), int)
    micropython.heap_lock()
    micropython.heap_unlock()
    assert not hasattr(micropython, "viper")  # on MicroPython the compiler alone knows it


def test_print_exception():
    file = io.StringIO()
    try:
        raise ValueError("boo")
    except ValueError as error:
        sys.print_exception(error, file)
    text = file.getvalue()
    assert text.startswith("Traceback (most recent call last):\n"), text
    assert text.endswith("\nValueError: boo\n"), text
