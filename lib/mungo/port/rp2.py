# RP2040 and RP2350 with lwIP: 5 TCP and 3 UDP sockets, no loopback in stock firmware, one thread besides the loop's.
# Figures from the port's sources and from stock firmware in an emulator, not from a physical board.

ALLOC_RATE = 3800  # bytes a ms that both cores together allocate at most (1,750 to 1,900 each, in an emulator), see Loop.collect_early
COLLECT_MS = 20  # from one collection to the next, at least: it takes 1.2 to 3.3 ms
BELL = "ring"  # 127.0.0.1 answers EHOSTUNREACH
NO_SOCKETS = (24, 23, 12, 105)
EMPTY_CLOSES = False
EPIPE = 32
SHARES_DESCRIPTORS = False
# Unread packets of all sockets share one pool of 16, so a connection at its limit is closed instead of left unread, see core/stuffed.py.
MAY_PAUSE = False
TX_MEMORY = 8000  # bytes of lwIP's (MEM_SIZE) that all sockets' unsent data share, see core/send_memory.py
SHARES_FLASH = True  # two threads may be in the file system at the same time, and it is not made for that, see flash.py


class Limits:
    """A manager's limits, each a keyword argument of it: milliseconds, bytes, or how many."""

    # Clients that wait for accept. One more is refused (RST). The loop accepts at once: data that comes before that is refused as well,
    # and comes again after 250 ms.
    backlog = 8
    max_conns = 4  # 5 TCP sockets (MEMP_NUM_TCP_PCB) less one to spare
    max_streams = 2  # streams that stay open: two connections are left for pages
    max_pipes = 8
    max_timers = 16
    rx_bytes = 1024
    send_slice = 1600  # two segments: all sockets share 8000 bytes, and a send that finds none sleeps up to 10 s
    recv_limit = 4096
    send_limit = 8192
    datagram = 1472  # a datagram that fits into one packet
    head_limit = 3072
    shared_bytes = 65536  # bytes of bodies and send buffers, of all connections together: of 150 KB that are free
    body_limit = 8192
    ws_limit = 8192  # a message of a WebSocket: it and the handler's copy are in the heap in one piece each
    queue = 4
    queue_bytes = 4096
    wakeups = 16
    ask_ms = 1500  # a connection that has not asked for anything by then counts as idle: sooner than busy_ms, for who waits behind it
    busy_ms = 2000  # a client that has waited so long for a connection is refused
    head_ms = 10000
    body_ms = 30000
    idle_ms = 30000
    write_ms = 10000  # what it takes no more holds lwIP's memory, which others need
    linger_ms = 1000
    pause_ms = 1000
    connect_ms = 10000
    handshake_ms = 10000
    tls_conns = 1  # TLS connections, handshakes included: each takes 23 KB, 17 of them in one piece
