"""The rules of four platforms, as far as the library can notice them."""

# The numbers of errno where they differ; names that MicroPython's errno module lacks are missing here too.
_LINUX = {
    "EPERM": 1,
    "ENOENT": 2,
    "EIO": 5,
    "EBADF": 9,
    "EAGAIN": 11,
    "ENOMEM": 12,
    "EACCES": 13,
    "EEXIST": 17,
    "ENODEV": 19,
    "EISDIR": 21,
    "EINVAL": 22,
    "EOPNOTSUPP": 95,
    "EADDRINUSE": 98,
    "ECONNABORTED": 103,
    "ECONNRESET": 104,
    "ENOBUFS": 105,
    "ENOTCONN": 107,
    "ETIMEDOUT": 110,
    "ECONNREFUSED": 111,
    "EHOSTUNREACH": 113,
    "EALREADY": 114,
    "EINPROGRESS": 115,
}
_NEWLIB = dict(_LINUX, EADDRINUSE=112, ECONNABORTED=113, ENOTCONN=128, ETIMEDOUT=116, EHOSTUNREACH=118, EALREADY=120, EINPROGRESS=119)


class Profile:
    """The unix port; the others say what they have different."""

    name = "unix"
    platform = "linux"
    bells = ("udp",)
    errno = _LINUX
    loopback = True
    period = 1 << 62  # of ticks_ms
    sockets = 1000  # in all: EMFILE
    shares_descriptors = True  # with files
    tcp = udp = None  # limits for each kind
    no_socket = 24
    udp_queue = 256
    loopback_packets = None  # that may be under way on 127.0.0.1
    threads = 64
    accepted_block = True  # a socket from accept blocks, whatever its listener is
    segment = 1460
    rx_window = 65536
    tx_buffer = 87040
    tx_heap = None  # bytes that all sockets' unsent data share
    packets = None  # the pool that what was received takes, for all sockets
    recv_one_segment = False
    poll_ms = 0  # the grain of a sleeping poll
    wakes_by_lock = False  # WFE: a ring's write wakes nobody, letting go of a lock does
    datagram = 65507
    empty_datagram_closes = False
    has_fileno = True
    packed_addresses = True
    heap = 200_000  # bytes that are free
    collect_us = 100  # what gc.collect and gc.mem_free take
    mem_free_us = 150
    collect_ms = 2  # no more often does the loop collect


class Esp32(Profile):
    name = "esp32"
    platform = "esp32"
    shares_descriptors = False
    bells = ("udp", "udp", "ring")
    errno = _NEWLIB
    period = 1 << 30
    sockets = 10
    no_socket = 23
    udp_queue = 6
    loopback_packets = 8
    threads = 12
    segment = 1440
    rx_window = tx_buffer = 5744
    poll_ms = 10
    datagram = 1472
    empty_datagram_closes = True
    packed_addresses = False


class Rp2Stock(Profile):
    name = "rp2-stock"
    platform = "rp2"
    shares_descriptors = False
    bells = ("ring",)
    loopback = False
    period = 1 << 30
    tcp = 5
    udp = 3
    no_socket = 12
    udp_queue = 4
    threads = 1
    accepted_block = False
    segment = 800
    rx_window = tx_buffer = 6400
    tx_heap = 8000
    packets = 16
    recv_one_segment = True
    wakes_by_lock = True
    datagram = 1472
    heap = 150_000
    collect_us = 3300
    mem_free_us = 7300
    collect_ms = 20
    has_fileno = False
    packed_addresses = False


class Rp2Mungo(Rp2Stock):
    """Firmware with lwIP's loopback switched on."""

    name = "rp2-mungo"
    bells = ("udp", "ring")
    loopback = True


PROFILES = {profile.name: profile for profile in (Profile, Esp32, Rp2Stock, Rp2Mungo)}
