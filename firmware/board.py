# What main.py does on a board: it runs the states of states.py. Each state has a method of its name, which returns the event that
# leads to the next state.
import gc
import sys
from time import sleep_ms, ticks_diff, ticks_ms

import machine

import config
import crash
import settings
import slots
import wifi
from states import TABLE, Machine

CRASHES = const(3)  # after so many in a row the board enters safe mode
GIVE_UP_MS = const(180000)  # without the network: then the portal opens, because the network may have a new name
_REFUSALS = const(3)  # so many wrong passwords in a row also open the portal; one may be an access point's mistake
PORTAL_MS = const(300000)  # without a visitor: then the board tries the network again, which may be back
_PAUSE_MS = const(2000)  # between a crash and the reset: time for Ctrl-C


class Board:
    """A board from its start to its reset or the prompt: `Board().run()`."""

    def __init__(self):
        self.state = Machine()
        self.station: wifi.Station = None  # pyright: ignore
        self.since = 0  # ticks_ms of the first try
        self.keeper = None
        self.message = ""  # for the portal's page
        self.is_safe = False  # the app has crashed too often

    def run(self):
        """Run until the board is reset or the prompt appears. On every way out, workers end and sockets are closed."""
        # The app runs inside this call, and RP2 allows 27 nested calls in all.
        try:
            event = ""
            while event is not None:
                try:
                    event = getattr(self, self.state.state.replace(" ", "_"))()
                except Exception as er:
                    event = self.crash(er)
                if event is not None:
                    self.state.happen(event)
        finally:
            self.leave()

    def crash(self, er):
        """Log `er`, which a state's method has raised, and return the event "crashed". A state without that event raises `er` again."""
        if "crashed" not in TABLE[self.state.state]:
            raise er
        text = None
        if isinstance(er, (ImportError, AttributeError, OSError, settings.Wrong)):
            import wrong

            text = wrong.text(er)
        if text is None:
            sys.print_exception(er)
        else:
            print("board: the app can not start:", text)
        self.leave()
        try:
            crash.log(text or er)
        except OSError as trouble:  # e.g. the flash is full
            sys.print_exception(trouble)
        return "crashed"

    def leave(self):
        """Stop the app's workers and close its managers."""
        if self.keeper is not None:
            keeper = self.keeper
            self.keeper = None
            keeper.close()

    # --- the states

    def start(self):
        if crash.was_watchdog(machine.reset_cause() == machine.WDT_RESET):  # pyright: ignore
            crash.log("The watchdog has reset the board: the loop was blocked.")
        if slots.is_trial or slots.is_undone:
            crash.forget()  # those of another version
        self.is_safe = crash.count() >= CRASHES
        wifi.prepare(config.get("COUNTRY"), config.get("HOSTNAME"))
        return "a network is set" if config.get("WIFI_SSID") else "no network is set"

    def portal(self):
        from portal import Portal

        if self.is_safe:
            self.message = "The app %s has crashed %d times in a row. %s" % (settings.APP, CRASHES, self.message)
        networks = wifi.scan()
        ap = wifi.access_point(config.get("AP_SSID"), config.get("AP_PASSWORD"))
        try:
            wait_ms = PORTAL_MS if config.get("WIFI_SSID") else None
            return Portal(ap.ifconfig()[0], networks, self.message, wait_ms).run()
        finally:
            ap.active(False)

    def connecting(self):
        if self.station is None:
            self.station = wifi.Station(config.get("WIFI_SSID"), config.get("WIFI_PASSWORD"))
            self.since = ticks_ms()
        station = self.station
        while True:
            now = ticks_ms()
            is_refused = station.refusals >= _REFUSALS
            if is_refused or ticks_diff(now, self.since) >= GIVE_UP_MS:
                self.message = ("%s says that the password is wrong." if is_refused else "%s can't be reached.") % station.ssid
                station.off()
                self.station = None  # pyright: ignore
                return "given up"
            slots.feed()
            event = station.look(now)
            if event is not None:
                return "three crashes" if event == "connected" and self.is_safe else event
            sleep_ms(100)

    wrong_password = connecting

    def running(self):
        from keeper import Keeper

        clock = None
        if config.get("NTP_HOST"):
            from clock import Clock

            clock = Clock(config.get("NTP_HOST"))
        self.keeper = Keeper(self.state, self.station, config.get("WATCHDOG_MS"), clock)
        self.keeper.start()
        app = __import__("apps." + settings.APP, None, None, ("main",))
        gc.collect()
        app.main()
        return "ended"

    def safe_mode(self):
        from keeper import Keeper
        from safe import Safe

        crash.forget(CRASHES - 1)  # one more crash, and the next start is in safe mode again
        self.keeper = Keeper(self.state, self.station, 0)
        self.keeper.is_stable = True  # the keeper must not reset the count of crashes
        self.keeper.start()
        event = Safe(settings.APP).run(settings.HOST, settings.PORT)
        if event == "try again":
            crash.forget()
        return event

    def crashed(self):
        if self.is_safe:
            return "in safe mode"
        print("board: restart in %d ms; press Ctrl-C to stay here" % _PAUSE_MS)
        sleep_ms(_PAUSE_MS)
        return "again"

    def restart(self):
        self.leave()
        machine.reset()  # pyright: ignore

    def stopped(self):
        print("board: press Ctrl-D to start again")
