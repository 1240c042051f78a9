# scan_portable.py's scan as machine code: a single pass, about 2 ns a byte on a host, no allocation. scan.py says what the table holds.
# Its .mpy is bound to an architecture; where it can't be loaded, scan_portable.py takes its place.
import micropython

from ..core.utf8 import is_utf8
from .char_classes import CLASSES

# The fields that decide how a message is read. No two have the same length, so a name's length says which one it could be: where its
# place in the table is, and where its name begins in what follows. All of that is compared: a hash that collides would be a smuggling hole.
_KNOWN = (
    b"\0\0\0\0\x0b\0\x0e\0\0\0\x11\0\0\0\x14\0\0\x17"
    b"\0\0\0\0\x24\0\x28\0\0\0\x2e\0\0\0\x38\0\0\x46"
    b"hostexpectconnectioncontent-lengthtransfer-encoding"
    b" HTTP/"
)


@micropython.viper
def scan(data, start: int, end: int, tab) -> int:
    """Check a request's head, or only fields if `tab[26]`, in `data[start:end]`, line by line, and note in `tab` where things are.

    Returns where it ends, 0 if it is not complete, or minus the HTTP status that it deserves.
    """
    d = ptr8(data)
    t = ptr32(tab)
    classes = ptr8(CLASSES)
    known = ptr8(_KNOWN)
    # Where the last whole line ends. No class has a line end in it, so in front of that no loop needs to look where it is.
    last = start + t[9]
    if end < last:
        last = end
    last -= 1
    while last >= start and d[last] != 10:
        last -= 1
    t[11] = t[14] = t[17] = t[20] = t[23] = 0
    count = 0
    i = start
    k = start
    if i <= last and not t[26]:
        while classes[d[k]] & 1:
            k += 1
        if k == i or d[k] != 32:
            return -400
        t[0] = i
        t[1] = k
        k += 1
        i = k
        q = 0
        high = 0
        while classes[d[k]] & 132:
            if d[k] == 63 and not q:
                q = k
            high |= d[k]
            k += 1
        if k == i or d[k] != 32:
            return -400
        if high > 127 and not is_utf8(data, i, k):
            return -400
        if not q:
            q = k
        t[2] = i
        t[3] = q
        t[4] = k
        i = 87  # " HTTP/"
        while i < 93:
            if d[k] != known[i]:
                return -400
            k += 1
            i += 1
        # (One by one: the line may end here, and the data with it.)
        if not classes[d[k]] & 16 or d[k + 1] != 46 or not classes[d[k + 2]] & 16 or d[k + 3] != 13 or d[k + 4] != 10:
            return -400
        if d[k] != 49:
            return -505
        t[5] = d[k + 2] - 48
        i = k + 5
        t[6] = i
    while i <= last:
        k = i
        while classes[d[k]] & 1:
            k += 1
        n = k - i
        if not n and d[k] == 13 and d[k + 1] == 10:
            t[7] = k + 2
            t[8] = count
            return k + 2
        if not n or d[k] != 58:
            return -400
        at = 0
        if n < 18:
            at = known[n]
        if at:
            name = known[n + 18]
            while i < k and (d[i] | 32) == known[name]:
                i += 1
                name += 1
            if i < k:
                at = 0
        allowed = 2
        if at == 11:
            allowed = 8
        k += 1
        while d[k] == 32 or d[k] == 9:
            k += 1
        i = k
        if allowed == 8 and d[k] == 91:
            while classes[d[k]] & 32:
                k += 1
            if d[k] != 93:
                return -400
            k += 1
            allowed = 0
        while classes[d[k]] & allowed:
            k += 1
        if at == 11 and d[k] == 58:
            k += 1
            while classes[d[k]] & 16:
                k += 1
        if at:
            t[at] += 1
            t[at + 1] = i
            q = k
            while q > i and (d[q - 1] == 32 or d[q - 1] == 9):
                q -= 1
            t[at + 2] = q
            while d[k] == 32 or d[k] == 9:
                k += 1
        if d[k] != 13 or d[k + 1] != 10:
            return -400
        count += 1
        if count > t[10]:
            return -431
        i = k + 2
    if end - start < t[9]:
        return 0
    if i == start and not t[26]:
        return -414
    return -431
