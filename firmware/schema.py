# What may be in settings.json. Only config.py uses this, and lets it go afterwards: it is a tenth of a small heap.
import json

_MOST = const(4096)  # bytes of the file

_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
_MS = const(0x1FFFFFFF)  # what timers can count on a board

# name: (default, least, most, allowed). Of a text least and most are bytes, and it may be empty if least is 0; `allowed` are its
# characters, or a tuple of all that it may be. A default of None: settings.py has one.
KEYS = {
    "APP": (None, 1, 40, _NAME),
    "HOST": ("0.0.0.0", 1, 40, None),
    "PORT": (80, 1, 65535, None),
    "DELAY_MS": (None, 0, _MS, None),
    "LOG": (None, 0, 1, None),
    "BELL": (None, 0, 4, ("", "udp", "ring")),
    "PIPE": (None, 0, 3, ("", "udp")),
    "MAX_THREADS": (None, 1, 1000, None),
    "WORKERS": (None, 0, 64, None),
    "BACKEND": (None, 1, 80, None),
    "FOLDER": (None, 1, 80, None),
    "URL": (None, 0, 200, None),
    "HEAD_MS": (None, 0, _MS, None),
    "BODY_MS": (None, 0, _MS, None),
    "IDLE_MS": (None, 0, _MS, None),
    "WRITE_MS": (None, 0, _MS, None),
    # What only boards have
    "WIFI_SSID": ("", 0, 32, None),  # the network to join; empty: the board opens its own, and asks there
    "WIFI_PASSWORD": ("", 8, 64, None),
    "COUNTRY": ("", 2, 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),  # whose rules the radio keeps
    "HOSTNAME": ("mungo", 1, 32, _NAME.replace("_", "-")),
    "AP_SSID": ("mungo-setup", 1, 32, None),  # the board's own network
    "AP_PASSWORD": ("", 8, 63, None),
    "NTP_HOST": ("pool.ntp.org", 0, 80, None),  # where the time comes from; empty: from nowhere
    "WATCHDOG_MS": (0, 2000, 8388, None),  # it is fed once a second, and RP2 counts no further; 0: off
}
_MAY_BE_EMPTY = ("WIFI_PASSWORD", "COUNTRY", "AP_PASSWORD", "WATCHDOG_MS")  # or 0
_NUMBERS = ("DELAY_MS", "LOG", "MAX_THREADS", "WORKERS", "HEAD_MS", "BODY_MS", "IDLE_MS", "WRITE_MS")


def defaults():
    """What only boards have, as it is by default; of the rest settings.py knows it."""
    return {name: what[0] for name, what in KEYS.items() if what[0] is not None}


def check(name, value):
    """ValueError unless this setting may have this value: it says what is allowed."""
    if name not in KEYS:
        raise ValueError("no setting %r; there are: %s" % (name, ", ".join(sorted(KEYS))))
    default, least, most, allowed = KEYS[name]
    none = name in _MAY_BE_EMPTY
    if name in _NUMBERS or isinstance(default, int):
        if type(value) is not int or not least <= value <= most and not (none and value == 0):  # (True is an int, too)
            raise ValueError("%s: %s: want %sa whole number, %d to %d" % (name, _shown(value), "0, or " if none else "", least, most))
        return
    secret = "***" if "PASSWORD" in name else _shown(value)
    if not isinstance(value, str):
        raise ValueError("%s: %s: want a text" % (name, secret))
    if isinstance(allowed, tuple):
        if value not in allowed:
            raise ValueError("%s: %s: want one of %s" % (name, secret, json.dumps(allowed)))
        return
    if none and not value:
        return
    if not least <= len(value.encode()) <= most:
        raise ValueError("%s: %s: want %s%d to %d bytes" % (name, secret, "nothing, or " if none else "", least, most))
    for x in value:
        # (MicroPython's json makes two halves of one character that is written as two escapes.)
        if x < " " or "\ud7ff" < x < "\ue000" or allowed is not None and x not in allowed:
            raise ValueError("%s: %s: %r must not be in it" % (name, secret, x))


def _shown(value):
    # (Of lists in lists dumps may need more stack than there is.)
    return "[..]" if isinstance(value, (list, dict)) else json.dumps(value)


def parse(data):
    """The settings in the content (bytes) of a settings.json, as a dict; ValueError says which one can't be, and what could."""
    if len(data) > _MOST:
        raise ValueError("%d bytes: want at most %d" % (len(data), _MOST))
    try:
        found = json.loads(str(data, "utf-8"))
    except (ValueError, RuntimeError):  # UnicodeError too; CPython's has a limit of depth
        raise ValueError("this is no JSON")
    except MemoryError:  # 4000 lists in each other, say: it must not keep the board from starting
        raise ValueError("it takes more memory than there is")
    if not isinstance(found, dict):
        raise ValueError('want an object: {"APP": "hello"}')
    for name, value in found.items():
        check(name, value)
    return found
