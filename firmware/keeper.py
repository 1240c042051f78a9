# What goes on beside an app, once a second in the app's own loop: the Wi-Fi is joined again when it was lost, the watchdog is fed, and
# when the app has run long enough its crashes are forgotten.
from time import ticks_diff, ticks_ms

import machine

import crash
import mungo.manager as manager
from states import TABLE

STABLE_MS = const(300000)  # five minutes without a crash: those before are no row any more


class Keeper:
    """Beside one app. `state` is the states.Machine, `station` the wifi.Station; `watchdog_ms` is 0 for none.

    From `start` to `close` every manager that is made gets a timer of its own for this, so an app need not know of it. The watchdog
    starts with the first one: a loop that stands still is what it is for.
    """

    def __init__(self, state, station, watchdog_ms):
        self.state = state
        self.station = station
        self.watchdog_ms = watchdog_ms
        self.watchdog = None
        self.managers = []
        self.plain = None
        self.since = ticks_ms()
        self.is_stable = False

    def start(self):
        """From here on managers are kept."""
        keeper = self
        self.plain = plain = manager.Manager

        class Manager(plain):
            def __init__(self, bell=None, **limits):
                super().__init__(bell, **limits)
                keeper.meet(self)

        manager.Manager = Manager  # where mungo looks it up each time  # pyright: ignore

    def meet(self, mgr):
        """A manager was made."""
        self.managers.append(mgr)
        mgr.timer(1000, self.tick, None, repeat=True)
        if self.watchdog_ms and self.watchdog is None:
            crash.begin()
            self.watchdog = machine.WDT(timeout=self.watchdog_ms)  # pyright: ignore

    def tick(self, _=None):
        """Once a second."""
        if self.watchdog is not None:
            self.watchdog.feed()
        now = ticks_ms()
        event = self.station.look(now)
        if event is not None and event in TABLE[self.state.state]:
            self.state.happen(event)
        if not self.is_stable and ticks_diff(now, self.since) >= STABLE_MS:
            self.is_stable = True
            crash.forget()

    def close(self):
        """The app has ended: its managers are closed, workers first; False if one is stuck. (Who has closed them already loses nothing.)"""
        if self.plain is not None:
            manager.Manager = self.plain
            self.plain = None
        is_clean = True
        while self.managers:
            if self.watchdog is not None:
                self.watchdog.feed()
            is_clean = self.managers.pop().close() and is_clean
        crash.end()
        if self.watchdog is not None:
            print("board: the watchdog can't be stopped: it resets the board within %d ms" % self.watchdog_ms)
        if not is_clean:
            print("board: a worker is still at work: reset the board, since Ctrl-D may hang")
        return is_clean
