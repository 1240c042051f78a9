# The work beside an app, once a second in the app's own loop: it rejoins a lost Wi-Fi, feeds the watchdog, and resets the count of
# crashes after a long run. The clock is set in that loop as well.
from time import ticks_diff, ticks_ms

import machine

import crash
import mungo
import mungo.manager as manager
import slots
from mungo.port.flash import flash
from states import TABLE

STABLE_MS = const(300000)  # a run of five minutes ends the row of crashes


current: "Keeper | None" = None  # the one that was started last


class Keeper:
    """Watches over one app. `state` is the states.Machine, `station` the wifi.Station; without a watchdog `watchdog_ms` is 0.
    `clock`: a clock.Clock, or None if nobody is asked for the time.

    From `start` to `close` every new manager gets a timer for this work, so an app does not have to call it. The watchdog starts with
    the first manager, because its purpose is to find a loop that is blocked.
    """

    def __init__(self, state, station, watchdog_ms, clock=None):
        self.state = state
        self.station = station
        self.watchdog_ms = watchdog_ms
        self.clock = clock
        self.watchdog = None
        self.managers = []
        self.plain = None
        self.since = ticks_ms()
        self.is_stable = False

    def start(self):
        """Add the timer to every manager from now on."""
        global current
        current = keeper = self
        self.plain = plain = manager.Manager

        class Manager(plain):
            def __init__(self, bell=None, **limits):
                super().__init__(bell, **limits)
                keeper.meet(self)

        manager.Manager = mungo._manager = Manager  # where App and mungo.Manager look it up  # pyright: ignore

    def meet(self, mgr):
        """Add the timer to a new manager."""
        self.managers.append(mgr)
        mgr.timer(1000, self.tick, None, repeat=True)
        if self.clock is not None:
            self.clock.attach(mgr)
        if slots.is_trial and len(self.managers) == 1:
            import mungo.ota as ota

            ota.watch(mgr)
        if self.watchdog_ms and self.watchdog is None:
            crash.begin()
            self.watchdog = machine.WDT(timeout=self.watchdog_ms)  # pyright: ignore

    def tick(self, _=None):
        """Do the work; a timer calls it once a second."""
        if self.watchdog is not None:
            self.watchdog.feed()
        slots.feed()
        now = ticks_ms()
        event = self.station.look(now)
        if event is not None and event in TABLE[self.state.state]:
            self.state.happen(event)
        if not self.is_stable and ticks_diff(now, self.since) >= STABLE_MS and flash.begin():  # else a worker uses it: in a second
            try:
                self.is_stable = True
                crash.forget()
            finally:
                flash.end()

    def close(self):
        """Close the app's managers, workers first; False if a worker is stuck. An app may have closed them already."""
        if self.plain is not None:
            manager.Manager = mungo._manager = self.plain
            self.plain = None
        is_clean = True
        while self.managers:
            if self.watchdog is not None:
                self.watchdog.feed()
            is_clean = self.managers.pop().close() and is_clean
        crash.end()
        if self.watchdog is not None:
            print("board: the watchdog can't be stopped and resets the board within %d ms" % self.watchdog_ms)
        if not is_clean:
            print("board: a worker is still running: reset the board, because Ctrl-D may hang")
        return is_clean
