# The names and values allowed in settings.json, and in the environment of a host. What imports this unloads it afterwards: it takes a
# tenth of a small heap.
import json

_MOST = 4096  # bytes of the file

_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
_MS = 0x1FFFFFFF  # the longest time of a timer on a board

# name: (default, least, most, allowed). For a text, least and most are its length in bytes, and `allowed` is its characters, a tuple of
# its values, or None for any. If the default is None, settings.py has it.
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
    "FOLDER": (None, 1, 200, None),
    "URL": (None, 0, 200, None),
    "BROKER": (None, 0, 200, None),
    "BROKER_USER": (None, 0, 64, None),
    "BROKER_PASSWORD": (None, 0, 64, None),
    "TLS": (None, 0, 1, None),
    "TLS_CERT": (None, 1, 200, None),
    "TLS_KEY": (None, 1, 200, None),
    "TLS_CA": (None, 0, 200, None),
    "HEAD_MS": (None, 0, _MS, None),
    "BODY_MS": (None, 0, _MS, None),
    "IDLE_MS": (None, 0, _MS, None),
    "WRITE_MS": (None, 0, _MS, None),
    # Only on boards
    "WIFI_SSID": ("", 0, 32, None),  # the network to join; empty: the board opens the portal
    "WIFI_PASSWORD": ("", 8, 64, None),
    "COUNTRY": ("", 2, 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),  # the radio follows its rules
    "HOSTNAME": ("mungo", 1, 32, _NAME.replace("_", "-")),
    "AP_SSID": ("mungo-setup", 1, 32, None),  # the board's own network
    "AP_PASSWORD": ("", 8, 63, None),
    "ADMIN_PASSWORD": ("", 8, 64, None),  # the first password of a dashboard, which removes it from here
    "NTP_HOST": ("pool.ntp.org", 0, 80, None),  # the time server; empty: no time
    "WATCHDOG_MS": (0, 2000, 8388, None),  # fed once a second; 8388 is the most on RP2; 0: off
}
_MAY_BE_EMPTY = ("WIFI_PASSWORD", "COUNTRY", "AP_PASSWORD", "ADMIN_PASSWORD", "WATCHDOG_MS")  # or 0
_NUMBERS = ("DELAY_MS", "LOG", "MAX_THREADS", "WORKERS", "TLS", "HEAD_MS", "BODY_MS", "IDLE_MS", "WRITE_MS")


def defaults():
    """The defaults of the settings that only boards have, as a dict; settings.py has the other defaults."""
    return {name: what[0] for name, what in KEYS.items() if what[0] is not None}


def check(name, value):
    """Raise ValueError, which says what is allowed, if this setting must not have this value."""
    if name not in KEYS:
        raise ValueError("no setting %r; there are: %s" % (name, ", ".join(sorted(KEYS))))
    default, least, most, allowed = KEYS[name]
    none = name in _MAY_BE_EMPTY
    if name in _NUMBERS or isinstance(default, int):
        if type(value) is not int or not least <= value <= most and not (none and value == 0):  # True is an int too
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
    for x in value:
        # MicroPython's json turns a character written as two \u escapes into two surrogates. CPython has what is no UTF-8 as surrogates.
        if x < " " or "\ud7ff" < x < "\ue000" or allowed is not None and x not in allowed:
            raise ValueError("%s: %s: %r must not be in it" % (name, secret, x))
    if not least <= len(value.encode()) <= most:
        raise ValueError("%s: %s: want %s%d to %d bytes" % (name, secret, "nothing, or " if none else "", least, most))
    if value and name in ("HOST", "BACKEND", "URL", "BROKER"):
        import places

        places.check(name, value)


def _shown(value):
    # For deeply nested lists dumps may need more stack than the board has.
    return "[..]" if isinstance(value, (list, dict)) else json.dumps(value)


def parse(data):
    """The settings in the content (bytes) of a settings.json, as a dict. Raises ValueError: which value is wrong, and what is allowed."""
    if len(data) > _MOST:
        raise ValueError("%d bytes: want at most %d" % (len(data), _MOST))
    try:
        found = json.loads(str(data, "utf-8"))
    except (ValueError, RuntimeError):  # UnicodeError is a ValueError; RuntimeError: nested too deep
        raise ValueError('this is no JSON: want an object, {"APP": "hello"}')
    except MemoryError:  # e.g. 4000 nested lists; the board must start nevertheless
        raise ValueError("it takes more memory than the board has: want a shorter file")
    if not isinstance(found, dict):
        raise ValueError('want an object: {"APP": "hello"}')
    for name, value in found.items():
        check(name, value)
    return found
