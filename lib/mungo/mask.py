# What WebSockets need for each byte, for runtimes without viper; mask_viper.py does the same as machine code.

_STEP = const(256)  # bytes: longer numbers would be more garbage at once


def mask(data, start, end, key):
    """Mask or unmask `data[start:end]` in place with the four bytes of `key`, a bytearray (RFC 6455 section 5.3).

    The key is turned, so that the next piece of the same payload goes on where this one ends.
    """
    keys = int.from_bytes(bytes(key) * (_STEP // 4), "little")
    view = memoryview(data)
    while end - start >= _STEP:
        view[start : start + _STEP] = (int.from_bytes(view[start : start + _STEP], "little") ^ keys).to_bytes(_STEP, "little")
        start += _STEP
    n = 0
    while start + n < end:
        data[start + n] ^= key[n & 3]
        n += 1
    key[:] = key[n & 3 :] + key[: n & 3]


def text(view):
    """The str that the bytes of the memoryview `view` are. ValueError if they are not UTF-8."""
    made = str(view, "utf-8")
    if len(made) < len(view):
        # MicroPython lets longer forms of a character pass, and halves of pairs; of what is beyond Unicode chr makes a ValueError.
        for x in made:
            if x != chr(ord(x)) or 0xD800 <= ord(x) < 0xE000:
                raise ValueError("not UTF-8")
    return made
