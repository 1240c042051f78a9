from ..core.bell_udp import udp_pair
from ..core.connector import wrap


def make_udp_pipe(mgr, fn, fn_data):
    """`mgr.mkpipe(fn, fn_data, udp=True)`: the tutorial's literal pipe, two UDP sockets of its own on 127.0.0.1.

    C2 wraps one, the other is returned for the worker: a plain socket that blocks, each send a datagram. What it can't promise:

        loss      a full receive queue drops datagrams in silence: after 4 on RP2, 6 on ESP32, about 256 on Linux
        size      65507 bytes on a host (EMSGSIZE beyond), 1472 on boards
        close     C2 hears nothing of the worker's close: the program must set `c2.is_closing`; nor the worker of C2's: its `recv`
                  waits on, `mgr.close` does not wait for it
        sockets   two for each pipe; a Pico W has three in all
        RP2       stock firmware has no loopback: OSError

    The default pipe promises all of these.
    """
    try:
        here, there = udp_pair(None)
    except OSError as er:
        raise OSError(er.errno, "mkpipe(udp=True): no loopback (%s); mkpipe without udp needs none" % er)
    try:
        wrap(mgr, here, fn, fn_data, True)
    except Exception:
        here.close()
        there.close()
        raise
    return there
