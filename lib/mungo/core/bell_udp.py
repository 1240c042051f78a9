import errno
import socket
import time


def udp_pair(timeout):
    """Two UDP sockets on 127.0.0.1, each connected to the other, with this timeout. Datagrams of other sockets do not reach them.

    MicroPython has no getsockname, so this tries pairs of ports until both are free.
    Raises OSError where the system has no loopback: EHOSTUNREACH on stock RP2 firmware, ETIMEDOUT or EAGAIN if datagrams get lost.
    """
    port = 20000 + int(time.ticks_us()) % 8192 * 2
    last = port + 400
    while True:
        socks = []
        addrs = []
        try:
            for n in (0, 1):
                addrs.append(socket.getaddrinfo("127.0.0.1", port + n)[0][-1])
                socks.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                socks[n].bind(addrs[n])
            for n in (0, 1):
                socks[n].connect(addrs[1 - n])
            # A datagram must arrive. Strangers' datagrams from before the connect may come first.
            word = b"%d" % time.ticks_us()
            for n in (0, 1):
                rx = socks[n]
                rx.settimeout(1)
                socks[1 - n].send(word)
                while rx.recv(32) != word:
                    pass
                rx.settimeout(timeout)
            return socks
        except OSError as er:
            for rx in socks:
                rx.close()
            if er.errno != errno.EADDRINUSE or port == last:
                raise
        port += 2
