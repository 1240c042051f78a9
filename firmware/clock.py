# The time from the network, in the app's loop: it delays nobody. It is asked for again and again, see mungo/sntp.py.
from time import gmtime

from mungo.sntp import Sntp

_EPOCH_2000 = const(946684800)  # seconds from 1970 to where the time of some boards begins


class Clock:
    """Keeps the board's clock by time servers: `hosts` is an address or a name, or several with commas between them.

    `is_set`: one of them has answered.
    """

    def __init__(self, hosts, port=123):
        self.urls = ["udp://%s:%d" % (host.strip(), port) for host in hosts.split(",")]
        self.mgr = None
        self.is_set = False

    def attach(self, mgr):
        """Ask in this manager's loop, if no other one's does."""
        if self.mgr is None or self.mgr.closed:
            self.mgr = mgr
            try:
                Sntp(mgr, self.urls, self.on_time)
            except (OSError, ValueError) as er:  # no timer is left; what the settings have is no host
                print("clock: %r" % er)

    def on_time(self, c, ev, data, fn_data):
        """The clock is set."""
        time_us, offset_us, delay_us, drift_ppm = data
        if not self.is_set:
            self.is_set = True
            now = gmtime(time_us // 1000000 - (_EPOCH_2000 if gmtime(0)[0] == 2000 else 0))
            print("clock: it is %d-%02d-%02d %02d:%02d:%02d UTC" % now[:6])
