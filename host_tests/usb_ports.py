"""Serial ports that are to be seen at USB, for tests of what looks for them."""


class Port:
    """A port as pyserial's list_ports.comports shows it."""

    vid = 0x303A

    def __init__(self, name, product="x", manufacturer="x"):
        self.device = name
        self.product = product
        self.manufacturer = manufacturer

    def __lt__(self, other):
        return self.device < other.device
