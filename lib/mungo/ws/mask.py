# The masking of WebSocket payloads for runtimes without viper; mask_viper.py does the same as machine code.

_STEP = const(256)  # bytes in one step: a longer number would need more memory at once


def mask(data, start, end, key):
    """Mask or unmask `data[start:end]` in place with the four bytes of `key`, a bytearray (RFC 6455 section 5.3).

    The key is rotated, so that the next call goes on where this one ends.
    """
    view = memoryview(data)
    while start < end:
        # A piece is computed as one number: the loop over its bytes is then C.
        piece = view[start : min(end, start + _STEP)]
        n = len(piece)
        keys = int.from_bytes((bytes(key) * (_STEP // 4))[:n], "little")
        piece[:] = (int.from_bytes(piece, "little") ^ keys).to_bytes(n, "little")
        start += n
        key[:] = key[n & 3 :] + key[: n & 3]
