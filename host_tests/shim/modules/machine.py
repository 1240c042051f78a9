"""What firmware uses of `machine`, without the hardware. `cause` is for tests to set; `dogs` are the watchdogs that were started, `levels`
what pins were set to, and `sent` what coloured LEDs were told."""

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3

cause = PWRON_RESET
dogs = []
levels = {}
sent = []


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


class Pin:
    OUT = 1

    def __init__(self, id, mode=-1):
        self.id = id

    def value(self, value):
        levels[self.id] = int(value)


class ADC:
    """Of its channels it has the chip's temperature: `raw` is what it reads."""

    CORE_TEMP = 4
    raw = 14000

    def __init__(self, channel):
        if channel != self.CORE_TEMP:
            raise ValueError("invalid channel")

    def read_u16(self):
        return self.raw


def bitstream(pin, encoding, timing, data):
    sent.append((pin.id, encoding, timing, bytes(data)))
