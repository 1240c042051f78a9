STA_IF = 0


class WLAN:
    def __init__(self, kind):
        pass

    def active(self, *a):
        return True

    def isconnected(self):
        return True

    def connect(self, *a):
        pass

    def status(self):
        return 1

    def disconnect(self):
        pass
