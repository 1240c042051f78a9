"""What firmware uses of `machine`, without the hardware. `cause` is for tests to set; `dogs` are the watchdogs that were started."""

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3

cause = PWRON_RESET
dogs = []


def reset():
    raise SystemExit


soft_reset = reset


def unique_id():
    return b"mungo\x00\x01"


def idle():
    pass


def freq(hz=None):
    return 0


def reset_cause():
    return cause


class RTC:
    """Its clock is not set: `times` are those that it was set to."""

    times = []

    def datetime(self, when):
        self.times.append(when)


class WDT:
    def __init__(self, id=0, timeout=5000):
        self.timeout = timeout
        self.fed = 0
        dogs.append(self)

    def feed(self):
        self.fed += 1
