# The radio: as a station of a network, and as an access point.
from time import ticks_diff

import network

_TRY_MS = const(20000)  # what one try may take, the address from DHCP included
_FIRST_MS = const(1000)  # the pause after the first try that failed; each one is twice as long as the last
_LONGEST_MS = const(60000)

# What `status` says. RP2: 0 to 3 (2: joined, but no address yet), and below 0 what went wrong. ESP32: 1000 and above, and below that
# why it was disconnected; of a wrong password it says 202, or that the handshake was not finished (15, 204).
if network.STAT_CONNECTING == 1:
    _UNDER_WAY = (0, 1, 2, 3)
    _REFUSED = (network.STAT_WRONG_PASSWORD,)
else:
    _UNDER_WAY = (network.STAT_IDLE, network.STAT_CONNECTING, network.STAT_GOT_IP)
    _REFUSED = (network.STAT_WRONG_PASSWORD, 15, 204)


def configure(wlan, **options):
    """`wlan.config` of what this port knows; the rest it does without."""
    for name, value in options.items():
        try:
            wlan.config(**{name: value})
        except ValueError:  # "unknown config param"
            print("wifi: this port has no %s" % name)


def prepare(country, hostname):
    """What must be said before the radio is switched on."""
    if country:
        try:
            network.country(country)
        except (OSError, RuntimeError, ValueError) as er:
            print("wifi: country %s: %r" % (country, er))  # "UK" for "GB" is no reason to stay off the net
    network.hostname(hostname)


class Station:
    """The board as a station. `look(now)` must be called every second or so; it never waits, and says what has happened."""

    def __init__(self, ssid, password):
        self.ssid = ssid
        self.password = password
        self.wlan = network.WLAN(network.STA_IF)
        self.is_connected = False
        self.is_trying = False
        self.since = 0  # (ticks_ms) the try's start, or the pause's
        self.pause_ms = 0  # before the next try
        self.fails = 0  # tries that failed, one after the other,
        self.refusals = 0  # and how many of them for the password's sake
        self.wlan.active(False)  # after a soft reset the radio still does what it did before
        self.wlan.active(True)
        if network.STAT_CONNECTING != 1:
            configure(self.wlan, reconnects=0)  # ESP32 would try again by itself, and never say why it failed

    def look(self, now):
        """Go on: what has happened, "connected", "failed", "refused" (a wrong password) or "lost", or None."""
        if self.wlan.isconnected():
            if self.is_connected:
                return None
            self.is_connected = True
            self.is_trying = False
            self.fails = self.refusals = 0
            configure(self.wlan, pm=network.WLAN.PM_NONE)  # a radio that sleeps answers up to 300 ms later
            print("wifi: %s is %s" % (self.ssid, self.wlan.ifconfig()[0]))
            return "connected"
        if self.is_connected:
            self.is_connected = False
            self.wait(now, 0)
            return "lost"
        if not self.is_trying:
            if ticks_diff(now, self.since) >= self.pause_ms:
                return self.start(now)
            return None
        status = self.wlan.status()
        if status in _REFUSED:
            return self.fail(now, "refused")
        if status not in _UNDER_WAY or ticks_diff(now, self.since) >= _TRY_MS:
            return self.fail(now, "failed")

    def start(self, now):
        """Try."""
        self.is_trying = True
        self.since = now
        try:
            self.wlan.connect(self.ssid, self.password or None)
        except (OSError, RuntimeError) as er:  # of the radio's own trouble
            print("wifi: %r" % er)
            return self.fail(now, "failed")

    def fail(self, now, event):
        """This try has come to nothing; the next one is after a pause."""
        self.fails += 1
        self.refusals = self.refusals + 1 if event == "refused" else 0
        try:
            self.wlan.disconnect()
        except (OSError, RuntimeError) as er:
            print("wifi: %r" % er)
        self.wait(now, min(_LONGEST_MS, _FIRST_MS << min(self.fails - 1, 6)))
        return event

    def wait(self, now, ms):
        """Pause until the next try."""
        self.is_trying = False
        self.since = now
        self.pause_ms = ms

    def off(self):
        """Switch the radio's station off."""
        self.wlan.active(False)
        self.is_connected = self.is_trying = False


def scan():
    """The networks around, the strongest first, each once: a list of (name, dBm, whether it wants a password). It takes seconds."""
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    found = {}
    try:
        for ssid, _, _, rssi, security, _ in wlan.scan():
            try:
                name = str(ssid, "utf-8")
            except UnicodeError:
                continue
            if name and (name not in found or found[name][1] < rssi):
                found[name] = (name, rssi, security != 0)
    except (OSError, RuntimeError) as er:
        print("wifi: no list of networks: %r" % er)
    wlan.active(False)
    return sorted(found.values(), key=lambda one: -one[1])[:16]


def access_point(ssid, password):
    """Make the board an access point; returns its WLAN."""
    ap = network.WLAN(network.AP_IF)
    options = {"ssid": ssid, "security": 3 if password else 0}  # WPA2 on ESP32
    if password:
        options["key"] = password
        if network.STAT_CONNECTING == 1:
            options["security"] = network.WLAN.SEC_WPA_WPA2
    try:
        ap.config(**options)  # RP2 minds it only before it is active,
        ap.active(True)
    except (OSError, RuntimeError):  # and ESP32 only then
        ap.active(True)
        ap.config(**options)
    return ap
