"""`network` of a board whose WLAN is always connected."""

STA_IF = 0
AP_IF = 1
STAT_GOT_IP = 3

_hostname = "mungo"


def hostname(name=None):
    global _hostname
    if name is None:
        return _hostname
    _hostname = name


def country(code=None):
    return code or "XX"


class WLAN:
    IF_STA = STA_IF
    IF_AP = AP_IF
    PM_NONE = 0

    def __init__(self, interface=STA_IF):
        self._is_active = False

    def active(self, is_active=None):
        if is_active is None:
            return self._is_active
        self._is_active = bool(is_active)

    def connect(self, *args, **kwargs):
        pass

    def disconnect(self):
        pass

    def isconnected(self):
        return True

    def status(self, what=None):
        return STAT_GOT_IP

    def config(self, *args, **kwargs):
        pass

    def ifconfig(self, *args):
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")

    def ipconfig(self, *args, **kwargs):
        return ("127.0.0.1", "255.0.0.0")

    def scan(self):
        return []
