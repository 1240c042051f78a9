# The unix port of MicroPython: a host. Only memory can be short, with a small -X heapsize.
import gc

BELL = "udp"
# The most bytes a ms that all threads together allocate: how soon the loop collects again, see Loop.collect_early.
ALLOC_RATE = 16384
COLLECT_MS = 2  # after that at the earliest
NO_SOCKETS = (24, 23, 12, 105)  # EMFILE, ENFILE, ENOMEM, ENOBUFS: the errno module has no names for most of them
EMPTY_CLOSES = False
EPIPE = 32
SHARES_DESCRIPTORS = True  # files and imports need them as well as sockets, see Listener.event
# A connection at its limit stops reading, and the kernel holds the rest.
TX_MEMORY = 0
MAY_PAUSE = True
SHARES_FLASH = False  # the system sees to it


class Limits:
    """A manager's limits, each a keyword argument of it: milliseconds, bytes, or how many."""

    backlog = 64  # clients that wait for accept; with MicroPython's own 2 to 5 a burst costs a second (SYN again)
    max_conns = 512  # accepted sockets: half of the usual 1024 descriptors
    max_streams = 511  # streams that stay open: one connection is left for pages
    max_pipes = 1024  # about 1 KB each
    max_timers = 64
    # One read; the loop has one such buffer, whatever the number of connections. A small -X heapsize stands for a board.
    rx_bytes = 16384 if gc.mem_free() > 1000000 else 4096 if gc.mem_free() > 100000 else 512
    send_slice = 262144  # given to a socket at once; the kernel takes what it wants
    recv_limit = 65536  # unread bytes of a connection
    send_limit = 65536  # unsent bytes of a connection
    datagram = 65536 if gc.mem_free() > 200000 else 2048  # the longest datagram that is received whole
    head_limit = 8192  # a request's line, fields, chunk extensions and trailers; what nginx and Apache allow
    shared_bytes = max(gc.mem_free() // 4, 16384)  # bytes of bodies and send buffers, of all connections together
    body_limit = 65536  # a request's body, unless its handler takes it as a stream
    ws_limit = 65536  # a message of a WebSocket, whole: as a request's body
    queue = 16  # messages in a pipe, each way
    queue_bytes = 65536
    wakeups = 256  # what wakeup() may have under way
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
    tls_conns = 32 if gc.mem_free() > 1500000 else 4  # TLS connections, handshakes included: each takes 23 KB of the heap


Limits.body_limit = min(Limits.body_limit, Limits.shared_bytes)
