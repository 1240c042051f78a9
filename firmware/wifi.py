# The radio: as a station of a network, and as an access point.
from time import ticks_diff, ticks_ms

import network

_TRY_MS = const(20000)  # the longest time of one try, including DHCP
_FIRST_MS = const(1000)  # the pause after the first failed try; it doubles with each further one
_LONGEST_MS = const(60000)

# Values of `status`. RP2: 0 to 3 (2: joined, but no address yet), and negative numbers for errors. ESP32: 1000 and above, and smaller
# numbers for the reason of a disconnection; for a wrong password that is 202, or an unfinished handshake (15, 204).
if network.STAT_CONNECTING == 1:
    _UNDER_WAY = (0, 1, 2, 3)
    _REFUSED = (network.STAT_WRONG_PASSWORD,)
else:
    _UNDER_WAY = (network.STAT_IDLE, network.STAT_CONNECTING, network.STAT_GOT_IP)
    _REFUSED = (network.STAT_WRONG_PASSWORD, 15, 204)


def configure(wlan, **options):
    """Call `wlan.config` for each option, and skip those that this port does not have."""
    for name, value in options.items():
        try:
            wlan.config(**{name: value})
        except ValueError:  # "unknown config param"
            print("wifi: this port has no %s" % name)


def prepare(country, hostname):
    """Set the country and the host name, which must be done before the radio is switched on."""
    if country:
        try:
            network.country(country)
        except (OSError, RuntimeError, ValueError) as er:
            print("wifi: country %s: %r" % (country, er))  # e.g. "UK" for "GB"; the radio works without
    network.hostname(hostname)


class Station:
    """The board as a station of a network. Call `look(now)` about once a second; it never waits, and returns what has happened."""

    def __init__(self, ssid, password):
        self.ssid = ssid
        self.password = password
        self.wlan = network.WLAN(network.STA_IF)
        self.is_connected = False
        self.is_trying = False
        self.since = 0  # ticks_ms when the try or the pause began
        self.pause_ms = 0  # before the next try
        self.fails = 0  # failed tries in a row
        self.refusals = 0  # of these, wrong passwords in a row
        self.wlan.active(False)  # a soft reset leaves the radio on, with its old settings
        self.wlan.active(True)
        if network.STAT_CONNECTING != 1:
            configure(self.wlan, reconnects=0)  # else ESP32 tries again by itself and never reports why a try failed

    def look(self, now):
        """Check the radio at `now` (ticks_ms). Returns "connected", "failed", "refused" (wrong password), "lost", or None for no news."""
        if self.wlan.isconnected():
            if self.is_connected:
                return None
            self.is_connected = True
            self.is_trying = False
            self.fails = self.refusals = 0
            configure(self.wlan, pm=network.WLAN.PM_NONE)  # in power save mode the radio answers up to 300 ms later
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
        """Begin a try. Returns "failed" if the radio refuses it, else None."""
        self.is_trying = True
        self.since = now
        try:
            self.wlan.connect(self.ssid, self.password or None)
        except (OSError, RuntimeError) as er:
            print("wifi: %r" % er)
            return self.fail(now, "failed")

    def fail(self, now, event):
        """End a failed try and begin the pause before the next one. Returns `event`."""
        self.fails += 1
        self.refusals = self.refusals + 1 if event == "refused" else 0
        try:
            self.wlan.disconnect()
        except (OSError, RuntimeError) as er:
            print("wifi: %r" % er)
        self.wait(now, min(_LONGEST_MS, _FIRST_MS << min(self.fails - 1, 6)))
        return event

    def wait(self, now, ms):
        """Begin a pause of `ms`, after which `look` begins the next try."""
        self.is_trying = False
        self.since = now
        self.pause_ms = ms

    def move(self, ssid, password):
        """Leave this network, and go to another one: `look` begins the first try."""
        self.ssid = ssid
        self.password = password
        try:
            self.wlan.disconnect()
        except (OSError, RuntimeError) as er:
            print("wifi: %r" % er)
        self.is_connected = False
        self.fails = self.refusals = 0
        self.wait(ticks_ms(), 0)

    def off(self):
        """Switch the radio's station off."""
        self.wlan.active(False)
        self.is_connected = self.is_trying = False


def scan():
    """The networks in range, each name once and the strongest first: a list of (name, dBm, is_locked). Takes seconds."""
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
        print("wifi: the scan for networks has failed: %r" % er)
    wlan.active(False)
    return sorted(found.values(), key=lambda one: -one[1])[:16]


def access_point(ssid, password):
    """Make the board an access point, open if `password` is empty; return its WLAN."""
    ap = network.WLAN(network.AP_IF)
    options = {"ssid": ssid, "security": 3 if password else 0}  # WPA2 on ESP32
    if password:
        options["key"] = password
        if network.STAT_CONNECTING == 1:
            options["security"] = network.WLAN.SEC_WPA_WPA2
    try:
        ap.config(**options)  # RP2 takes the options only while inactive
        ap.active(True)
    except (OSError, RuntimeError):  # ESP32 takes them only while active
        ap.active(True)
        ap.config(**options)
    return ap
