# The time from the network, by MicroPython's own ntptime. That blocks, so the board sets its clock before it serves.
from time import gmtime, ticks_diff, ticks_ms

import ntptime

_TRIES = const(3)
_MOST_MS = const(5000)  # no new try after that: without Internet access each one waits for the name servers


def set(host):
    """Set the clock to UTC from this NTP server; return whether it is set.

    A try waits one second for the answer, and longer if the name server does not answer.
    """
    ntptime.host = host
    ntptime.timeout = 1
    start = ticks_ms()
    for _ in range(_TRIES):
        try:
            ntptime.settime()
        except (OSError, ValueError, IndexError) as er:  # no answer, or a malformed one
            print("clock: %s: %r" % (host, er))
            if ticks_diff(ticks_ms(), start) >= _MOST_MS:
                break
        else:
            print("clock: it is %d-%02d-%02d %02d:%02d:%02d UTC" % gmtime()[:6])
            return True
    return False
