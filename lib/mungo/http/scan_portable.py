# The scanner for systems without machine code; scan_viper.py does the same at a thirtieth of the cost. scan.py says what the table holds.
from ..core.utf8 import is_utf8
from .char_classes import CLASSES

# The bytes of names: strip and find look at many bytes in one step. The frequent ones come first.
_NAME = b"etaoinscrldhupmg-fybwkvxzjqETAOINSCRLDHUPMGFYBWKVXZJQ0123456789_!#$%&'*+.^`|~"
# The fields that the table has, by their length.
_KNOWN = {
    4: (b"host", 11),
    6: (b"expect", 14),
    10: (b"connection", 17),
    14: (b"content-length", 20),
    17: (b"transfer-encoding", 23),
}


def scan(data, start, end, tab):
    """Check a request's head, or only fields if `tab[26]`, in `data[start:end]`, line by line, and note in `tab` where things are.

    Returns where it ends, 0 if it is not complete, or minus the HTTP status that it deserves.
    """
    classes = CLASSES
    stop = min(end, start + tab[9])
    deleted = data.find(b"\x7f", start, stop) >= 0
    first = not tab[26]
    tab[11] = tab[14] = tab[17] = tab[20] = tab[23] = 0
    count = 0
    i = start
    while True:
        j = data.find(b"\n", i, stop)
        if j < 0:
            if end - start < tab[9]:
                return 0
            return -414 if first else -431
        e = j - 1
        if e < i or data[e] != 13:
            return -400
        if first:
            first = False
            tab[0] = i
            tab[1] = k = data.find(b" ", i, e)
            if k <= i or data[i:k].strip(_NAME):
                return -400
            i = k + 1
            k = e - 9
            if k <= i or data.find(b" HTTP/", k, e) != k or data[k + 7] != 46:
                return -400
            high = 0
            for b in memoryview(data)[i:k]:
                if not classes[b] & 132:
                    return -400
                high |= b
            if high > 127 and not is_utf8(data, i, k):
                return -400
            if not classes[data[k + 6]] & classes[data[k + 8]] & 16:
                return -400
            if data[k + 6] != 49:
                return -505
            q = data.find(b"?", i, k)
            tab[2] = i
            tab[3] = k if q < 0 else q
            tab[4] = k
            tab[5] = data[k + 8] - 48
            tab[6] = j + 1
        elif e == i:
            tab[7] = j + 1
            tab[8] = count
            return j + 1
        else:
            k = data.find(b":", i, e)
            if k <= i:
                return -400
            name = data[i:k]
            if name.strip(_NAME):
                return -400
            a = k + 1
            while a < e and data[a] in b" \t":
                a += 1
            allowed = 2
            if k - i in _KNOWN:
                known, at = _KNOWN[k - i]
                if name.lower() == known:
                    while e > a and data[e - 1] in b" \t":
                        e -= 1
                    tab[at] += 1
                    tab[at + 1] = a
                    tab[at + 2] = e
                    if at == 11:
                        allowed = 8
            value = memoryview(data)[a:e]
            if a < e and (allowed == 8 or deleted or min(value) < 32):
                if allowed == 8 and data[a] == 91:
                    allowed = 32
                for b in value:
                    if b == 58 and allowed & 72:
                        allowed = 16
                    elif b == 93 and allowed == 32:
                        allowed = 64
                    elif not classes[b] & allowed:
                        return -400
                if allowed == 32:
                    return -400
            count += 1
            if count > tab[10]:
                return -431
        i = j + 1
