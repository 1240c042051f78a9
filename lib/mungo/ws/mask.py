# What WebSockets need for each byte, for runtimes without viper; mask_viper.py does the same as machine code.

_STEP = const(256)  # bytes: of longer numbers there would be more garbage at once


def mask(data, start, end, key):
    """Mask or unmask `data[start:end]` in place with the four bytes of `key`, a bytearray (RFC 6455 section 5.3).

    The key is turned, so that the next piece of the same payload goes on where this one ends.
    """
    data = memoryview(data)
    while start < end:
        # As one number, which is a loop in C.
        view = data[start : min(end, start + _STEP)]
        n = len(view)
        keys = int.from_bytes((bytes(key) * (_STEP // 4))[:n], "little")
        view[:] = (int.from_bytes(view, "little") ^ keys).to_bytes(n, "little")
        start += n
        key[:] = key[n & 3 :] + key[: n & 3]


def text(view):
    """The str that the bytes of the memoryview `view` are. ValueError if they are not UTF-8."""
    made = str(view, "utf-8")
    if len(made) < len(view):
        # MicroPython lets longer forms of a character pass, and halves of pairs; for what is beyond Unicode chr raises ValueError.
        for x in made:
            if x != chr(ord(x)) or "\ud7ff" < x < "\ue000":
                raise ValueError
    return made
