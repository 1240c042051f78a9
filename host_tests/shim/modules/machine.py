"""What firmware uses of `machine`, without the hardware."""


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
    return 0
