# ESP32: 10 sockets in all (CONFIG_LWIP_MAX_SOCKETS), loopback on, threads under a GIL, FreeRTOS ticks of 10 ms.
# Figures from the port's sources, not from a physical board.

BELL = "udp"
ALLOC_RATE = 0  # under a GIL the collector has the heap to itself, see Loop.collect_early
COLLECT_MS = 0
NO_SOCKETS = (24, 23, 12, 105)  # EMFILE, ENFILE, ENOMEM, ENOBUFS, in newlib's numbers
EMPTY_CLOSES = True  # an empty datagram closes the socket that gets it, see core/udp.py
EPIPE = 32
SHARES_DESCRIPTORS = False
TX_MEMORY = 0  # sockets' send buffers are their own,
MAY_PAUSE = True  # and receive windows are each socket's own
SHARES_FLASH = False  # a thread keeps the GIL while it is in the file system


class Limits:
    """A manager's limits, each a keyword argument of it: milliseconds, bytes, or how many."""

    backlog = 5
    max_conns = 6  # 10 sockets less the bell's two, the listener and one to spare
    max_streams = 4  # streams that stay open: two connections are left for pages
    max_pipes = 16
    max_timers = 16
    rx_bytes = 1440  # one segment
    send_slice = 2880  # half of TCP_SND_BUF, so that one connection leaves room for others
    recv_limit = 8192
    send_limit = 8192
    datagram = 1472  # a datagram that fits into one packet: longer ones are cut, since lwIP does not reassemble
    head_limit = 4096  # a browser's head with cookies is 0.5 to 2 KB
    shared_bytes = 49152  # bytes of bodies and send buffers, of all connections together
    body_limit = 8192
    ws_limit = 8192  # a message of a WebSocket: it and the handler's copy are in the heap in one piece each
    queue = 8
    queue_bytes = 8192
    wakeups = 32
    ask_ms = 1500  # a connection that has not asked for anything by then counts as idle: sooner than busy_ms, for who waits behind it
    busy_ms = 2000  # a client that has waited so long for a connection is refused
    head_ms = 10000
    body_ms = 30000
    idle_ms = 30000
    write_ms = 30000
    linger_ms = 1000
    pause_ms = 1000  # (for RP2, where paused connections share memory)
    connect_ms = 10000
    handshake_ms = 10000
    tls_conns = 2  # TLS connections, handshakes included: each takes 20 KB of the system's heap, a handshake more
