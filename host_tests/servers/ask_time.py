"""Asks the time servers at the ports of the arguments, the second one when the first does not answer, and prints each answer: the port,
what this machine's clock says then, the time, how far the clock is behind, the delay (all in us), the drift. It ends after the number of
answers of the first argument."""

import sys

import mungo
from mungo.rtc import now_us
from mungo.sntp import Sntp

wanted = int(sys.argv[1])


def on_time(c, ev, data, fn_data):
    global wanted
    print(c.rem.split(":")[1], now_us(), *data)
    wanted -= 1


with mungo.Manager() as mgr:
    Sntp(mgr, ["udp://127.0.0.1:" + port for port in sys.argv[2:]], on_time, every_ms=1, set_time=None)
    while wanted:
        mgr.poll(1000)
    assert mgr.stats["bugs"] == 0
