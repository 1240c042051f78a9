import errno
import socket
import time


def udp_pair(timeout):
    """Two UDP sockets on 127.0.0.1, each connected to the other, so that nobody else's datagrams reach them, with this timeout.

    There is no getsockname on MicroPython, so ports are tried in pairs until two are free.
    Raises OSError where the system has no loopback: EHOSTUNREACH on stock RP2 firmware, ETIMEDOUT or EAGAIN if it swallows.
    """
    port = 20000 + int(time.ticks_us()) % 8192 * 2
    last = port + 400
    while True:
        one = two = None
        try:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            two = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            here = socket.getaddrinfo("127.0.0.1", port)[0][-1]
            there = socket.getaddrinfo("127.0.0.1", port + 1)[0][-1]
            one.bind(here)
            two.bind(there)
            one.connect(there)
            two.connect(here)
            # The probe: what is sent must arrive. Before it comes what strangers sent between bind and connect.
            word = b"%d" % time.ticks_us()
            for rx, tx in ((one, two), (two, one)):
                rx.settimeout(1)
                tx.send(word)
                while rx.recv(32) != word:
                    pass
                rx.settimeout(timeout)
            return one, two
        except OSError as er:
            for sock in (one, two):
                if sock is not None:
                    sock.close()
            if er.errno != errno.EADDRINUSE or port == last:
                raise
        port += 2
