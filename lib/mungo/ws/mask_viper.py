# mask.py as machine code: masks four bytes at a time, and checks UTF-8 in one pass, both without allocating.
# Its .mpy is bound to an architecture; where it can't be loaded mask.py serves.
import micropython


@micropython.viper
def mask(data, start: int, end: int, key):
    """Mask or unmask `data[start:end]` in place with the four bytes of `key`, a bytearray (RFC 6455 section 5.3).

    The key is turned, so that the next piece of the same payload goes on where this one ends.
    """
    d = ptr8(data)
    k = ptr8(key)
    while start < end:
        n = (end - start) >> 2
        if n and not (int(d) + start) & 3:
            # Whole words: the order of bytes in one is the same for the key and the data. (Not all boards load others.)
            w = ptr32(int(d) + start)
            word = ptr32(key)[0]
            start += n << 2
            i = 0
            while i < n:
                w[i] ^= word
                i += 1
        else:
            i = k[0]
            d[start] ^= i
            start += 1
            k[0] = k[1]
            k[1] = k[2]
            k[2] = k[3]
            k[3] = i


@micropython.viper
def _is_utf8(data, n: int) -> bool:
    # RFC 3629 section 4
    d = ptr8(data)
    i = 0
    while i < n:
        b = d[i]
        i += 1
        if b > 127:
            least = 128
            most = 191
            more = 1
            if b > 239:
                more = 3
                if b == 240:
                    least = 144
                elif b == 244:
                    most = 143
            elif b > 223:
                more = 2
                if b == 224:
                    least = 160
                elif b == 237:
                    most = 159
            if b < 194 or b > 244 or i + more > n:
                return False
            while more:
                b = d[i]
                i += 1
                if b < least or b > most:
                    return False
                least = 128
                most = 191
                more -= 1
    return True


def text(view):
    """The str that the bytes of the memoryview `view` are. ValueError if they are not UTF-8."""
    if not _is_utf8(view, len(view)):
        raise ValueError("not UTF-8")
    return str(view, "utf-8")
