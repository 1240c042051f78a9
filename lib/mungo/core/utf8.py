# Strict UTF-8 (RFC 3629). MicroPython's str(data, "utf-8") also accepts overlong forms, in which a slash can hide behind other bytes,
# surrogates, and numbers above U+10FFFF.
#
# All text that comes in is checked by `text`: request targets, fields, JSON, forms and WebSocket messages. (ws/mask_viper.py does the same
# by machine code for messages.) Text that goes out passes `encode`.


def text(data):
    """The str that `data`, bytes-like, stands for in UTF-8. Raises ValueError if it is not UTF-8. Any thread."""
    made = str(data, "utf-8")
    if len(made) < len(data):
        # Behind four of the lead bytes not all of 0x80 to 0xBF may follow (section 4). Bytes are compared, not characters: MicroPython
        # keeps each character that a loop takes from a str in its table of interned names, which never shrinks.
        lead = 0
        for byte in data:
            if byte > 0xBF and (byte < 0xC2 or byte > 0xF4):
                raise ValueError("this is not UTF-8")
            if lead == 0xE0 and byte < 0xA0 or lead == 0xED and byte > 0x9F or lead == 0xF0 and byte < 0x90 or lead == 0xF4 and byte > 0x8F:
                raise ValueError("this is not UTF-8")
            lead = byte
    return made


def encode(text):
    """The bytes of the str `text`. Raises ValueError if it has half of a surrogate pair, which UTF-8 does not have. Any thread.

    (MicroPython's own str.encode does not look.)
    """
    data = text.encode()
    if len(data) > len(text):
        check_surrogates(data)
    return data


def check_surrogates(data):
    """Raise ValueError if `data`, an encoded str that is not all ASCII, has half of a surrogate pair. Any thread."""
    at = data.find(b"\xed")
    while at >= 0:
        if data[at + 1] > 0x9F:
            raise ValueError("half of a surrogate pair")
        at = data.find(b"\xed", at + 3)


def is_utf8(data, start, end):
    """Whether `data[start:end]` is UTF-8. Any thread."""
    try:
        text(data[start:end])
    except ValueError:
        return False
    return True
