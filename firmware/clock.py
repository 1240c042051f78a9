# The time from the network, by MicroPython's own ntptime. It blocks, so it is done before anybody is served.
from time import gmtime, ticks_diff, ticks_ms

import ntptime

_TRIES = const(3)
_MOST_MS = const(5000)  # no further try after that: without an Internet each one waits for the name servers


def set(host):
    """Set the clock (UTC); whether that has succeeded. A try waits a second for the answer, and longer if the name isn't found."""
    ntptime.host = host
    ntptime.timeout = 1
    start = ticks_ms()
    for _ in range(_TRIES):
        try:
            ntptime.settime()
        except (OSError, ValueError, IndexError) as er:  # none, or not an answer
            print("clock: %s: %r" % (host, er))
            if ticks_diff(ticks_ms(), start) >= _MOST_MS:
                break
        else:
            print("clock: it is %d-%02d-%02d %02d:%02d:%02d UTC" % gmtime()[:6])
            return True
    return False
