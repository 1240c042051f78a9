# The scanner for runtimes without viper; scan_viper.py does the same at about a hundredth of the cost. parser.py says what the table holds.
from .kinds import KINDS, KNOWN

_AT = {4: (11, 0), 6: (14, 4), 10: (17, 10), 14: (20, 20), 17: (23, 34)}  # by length: place in the table, and in KNOWN


def scan(data, start, end, tab):
    """Check a request's head, or only fields if `tab[26]`, in `data[start:end]`, line by line, and note in `tab` where things are.

    Returns where it ends, 0 if it is not complete, or minus the HTTP status that it deserves.
    """
    limit = tab[9]
    stop = min(end, start + limit)
    kinds = KINDS
    first = not tab[26]
    count = 0
    i = start
    for k in range(11, 26):
        tab[k] = 0
    while True:
        j = data.find(b"\n", i, stop)
        if j < 0:
            if end - start < limit:
                return 0
            return -414 if first else -431
        e = j - 1
        if e < i or data[e] != 13:
            return -400
        k = i
        while kinds[data[k]] & 1:
            k += 1
        if first:
            if k == i or data[k] != 32:
                return -400
            tab[0] = start
            tab[1] = k
            i = k = k + 1
            while kinds[data[k]] & 4:
                k += 1
            if k == i or data[k] != 32:
                return -400
            q = data.find(b"?", i, k)
            tab[2] = i
            tab[3] = k if q < 0 else q
            tab[4] = k
            if e - k != 9 or data.find(b"HTTP/", k, e) != k + 1 or data[k + 7] != 46:
                return -400
            if not (48 <= data[k + 6] < 58 and 48 <= data[k + 8] < 58):
                return -400
            if data[k + 6] != 49:
                return -505
            tab[5] = data[k + 8] - 48
            tab[6] = j + 1
            first = False
        elif e == i:
            tab[7] = j + 1
            tab[8] = count
            return j + 1
        else:
            count += 1
            if count > tab[10]:
                return -431
            if k == i or data[k] != 58:
                return -400
            a = k + 1
            while a < e and data[a] in b" \t":
                a += 1
            while e > a and data[e - 1] in b" \t":
                e -= 1
            kind = 2
            if k - i in _AT:
                at, name = _AT[k - i]
                while i < k and data[i] | 32 == KNOWN[name]:
                    i += 1
                    name += 1
                if i == k:
                    tab[at] += 1
                    tab[at + 1] = a
                    tab[at + 2] = e
                    if at == 11:
                        kind = 8
            for b in memoryview(data)[a:e]:
                if not kinds[b] & kind:
                    return -400
        i = j + 1
