"""`network` with a WLAN as ESP32 and RP2 have it, in an air that tests make: which networks there are, and what becomes of a try.

    network.board("rp2")                  or "esp32", the default; also forgets all of the below
    network.air["home"] = "password"      a network, and what it wants; "" for an open one
    del network.air["home"]               it is gone; who was in it is disconnected
    network.log                           what was done to the radio, a list of tuples
    network.steps = 3                     how many times `status` says that the try is under way

For CPython through the shim, and for the unix port of MicroPython, which has no such module: then it is on its path.
"""

STA_IF = 0
AP_IF = 1

air = {}
log = []
steps = 1
_hostname = "mungo"
_country = "XX"
_radios = {}


def board(name="esp32"):
    """Be this one from here on, freshly reset."""
    global STAT_IDLE, STAT_CONNECTING, STAT_WRONG_PASSWORD, STAT_NO_AP_FOUND, STAT_CONNECT_FAIL, STAT_GOT_IP
    global is_esp32, steps
    is_esp32 = name == "esp32"
    if is_esp32:
        STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010
        STAT_WRONG_PASSWORD, STAT_NO_AP_FOUND, STAT_CONNECT_FAIL = 202, 201, 203
        WLAN.PM_NONE, WLAN.PM_PERFORMANCE, WLAN.PM_POWERSAVE, WLAN.SEC_WPA_WPA2 = 0, 1, 2, 4
    else:
        STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 0, 1, 3
        STAT_WRONG_PASSWORD, STAT_NO_AP_FOUND, STAT_CONNECT_FAIL = -3, -2, -1
        WLAN.PM_NONE, WLAN.PM_PERFORMANCE, WLAN.PM_POWERSAVE, WLAN.SEC_WPA_WPA2 = 16, 10555714, 17, 4194310
    steps = 1
    air.clear()
    log.clear()
    _radios.clear()


def hostname(name=None):
    global _hostname
    if name is None:
        return _hostname
    if len(name) > 32:
        raise ValueError
    _hostname = name


def country(code=None):
    global _country
    if code is None:
        return _country
    if len(code) != 2:
        raise ValueError
    if is_esp32 and code == "UK":
        raise RuntimeError("Wifi Unknown Error 0x0102")
    _country = code


class _Radio:
    def __init__(self, interface):
        self.is_ap = interface == AP_IF
        self.is_active = False
        self.ssid = None  # what was asked for last
        self.left = 0  # how long the try is still under way
        self.status = STAT_IDLE
        self.is_in = False
        self.config = {"ssid": "PICO2F6F", "key": "picoW123", "security": 4194310} if self.is_ap else {}
        self.next = STAT_IDLE  # what it ends with
        self.on_air = None  # of an access point, what others see


class WLAN:
    IF_STA = STA_IF
    IF_AP = AP_IF
    SEC_OPEN = 0

    # As on boards there are two radios, and each call gets the same ones.
    def __init__(self, interface=STA_IF):
        if interface not in _radios:
            _radios[interface] = _Radio(interface)
        self.radio = _radios[interface]

    def active(self, is_active=None):
        if is_active is None:
            return self.radio.is_active
        log.append(("ap" if self.radio.is_ap else "sta", "active", bool(is_active)))
        if self.radio.is_ap and bool(is_active) != self.radio.is_active:
            self.radio.on_air = dict(self.radio.config) if is_active else None
        self.radio.is_active = bool(is_active)
        if not is_active:
            self.radio.is_in = False
            self.radio.status = STAT_IDLE

    def connect(self, ssid=None, key=None, *, bssid=None):
        if self.radio.is_ap:
            raise OSError("STA required")
        if not self.radio.is_active:
            raise OSError("Wifi Not Started") if is_esp32 else OSError(1)
        log.append(("sta", "connect", ssid, key))
        self.radio.ssid = ssid
        self.radio.left = steps
        self.radio.is_in = False
        self.radio.status = STAT_CONNECTING
        wanted = air.get(ssid)
        if wanted is None:
            self.radio.next = STAT_NO_AP_FOUND
        elif wanted != (key or ""):
            self.radio.next = STAT_WRONG_PASSWORD
        else:
            self.radio.next = STAT_GOT_IP

    def disconnect(self):
        self.radio.is_in = False
        self.radio.status = STAT_IDLE

    # Each look is a moment that passes.
    def _look(self):
        if self.radio.is_in and self.radio.ssid not in air:
            self.radio.is_in = False
            self.radio.status = 200 if is_esp32 else STAT_IDLE
        if self.radio.status == STAT_CONNECTING and self.radio.ssid is not None:
            if self.radio.left > 0:
                self.radio.left -= 1
            elif self.radio.next == STAT_GOT_IP or not is_esp32 or self.radio.config.get("reconnects", -1) == 0:
                self.radio.status = self.radio.next
                self.radio.is_in = self.radio.next == STAT_GOT_IP
            # else: ESP32 tries again by itself, and says for ever that it is connecting

    def isconnected(self):
        if self.radio.is_ap:
            return False
        self._look()
        return self.radio.is_in

    def status(self, what=None):
        if what == "stations":
            return []
        if what == "rssi" and not self.radio.is_ap:
            if not self.radio.is_in:
                raise OSError("STA must be connected")
            return -55
        if what is not None:
            raise ValueError("unknown status param")
        return self.radio.status

    def config(self, what=None, **options):
        if what is not None:
            return self.radio.config[what]
        known = ["pm", "channel", "txpower", "hostname"]
        if self.radio.is_ap:
            known += ["ssid", "essid", "security", "key", "password", "hidden"]
            if is_esp32 and not self.radio.is_active:
                raise RuntimeError("Wifi Unknown Error 0x3005")
        if is_esp32:
            known += ["reconnects", "authmode", "max_clients"]
        for name, value in options.items():
            if name not in known:
                raise ValueError("unknown config param")
            log.append(("ap" if self.radio.is_ap else "sta", name, value))
            self.radio.config[name] = value
        if self.radio.is_ap and is_esp32:  # RP2's access point stays as it was when it became active
            self.radio.on_air = dict(self.radio.config)

    def ifconfig(self, *args):
        if self.radio.is_ap:
            return ("192.168.4.1", "255.255.255.0", "192.168.4.1", "192.168.4.1")
        if self.radio.is_in:
            return ("10.0.0.7", "255.255.255.0", "10.0.0.1", "10.0.0.1")
        return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")

    def ipconfig(self, *args, **kwargs):
        return self.ifconfig()[:2]

    def scan(self):
        if self.radio.is_ap or not self.radio.is_active:
            raise OSError("STA must be active")
        found = []
        for ssid, key in air.items():
            found.append((ssid.encode() if isinstance(ssid, str) else ssid, bytes(6), 1, -40 - len(found), 3 if key else 0, False))
        return found


board()
