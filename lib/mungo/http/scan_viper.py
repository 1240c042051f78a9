# plain.py's scan as machine code: one pass over a browser's head takes about a microsecond on a host, and allocates nothing.
# Its .mpy is bound to an architecture; where it can't be loaded plain.py serves.
import micropython

from .kinds import KINDS, KNOWN


@micropython.viper
def scan(data, start: int, end: int, tab) -> int:
    """Check a request's head, or only fields if `tab[26]`, in `data[start:end]`, line by line, and note in `tab` where things are.

    Returns where it ends, 0 if it is not complete, or minus the HTTP status that it deserves.
    """
    d = ptr8(data)
    t = ptr32(tab)
    kinds = ptr8(KINDS)
    known = ptr8(KNOWN)
    limit = t[9]
    stop = start + limit
    if end < stop:
        stop = end
    first = 1 - t[26]
    count = 0
    i = start
    k = 11
    while k < 26:
        t[k] = 0
        k += 1
    while True:
        j = i
        while j < stop and d[j] != 10:
            j += 1
        if j == stop:
            if end - start < limit:
                return 0
            if first:
                return -414
            return -431
        e = j - 1
        if e < i or d[e] != 13:
            return -400
        k = i
        while kinds[d[k]] & 1:
            k += 1
        if first:
            if k == i or d[k] != 32:
                return -400
            t[0] = start
            t[1] = k
            i = k + 1
            k = i
            q = 0
            while kinds[d[k]] & 4:
                if d[k] == 63 and not q:
                    q = k
                k += 1
            if k == i or d[k] != 32:
                return -400
            if not q:
                q = k
            t[2] = i
            t[3] = q
            t[4] = k
            if e - k != 9 or d[k + 1] != 72 or d[k + 2] != 84 or d[k + 3] != 84 or d[k + 4] != 80 or d[k + 5] != 47:
                return -400
            if d[k + 7] != 46 or d[k + 6] < 48 or d[k + 6] > 57 or d[k + 8] < 48 or d[k + 8] > 57:
                return -400
            if d[k + 6] != 49:
                return -505
            t[5] = d[k + 8] - 48
            t[6] = j + 1
            first = 0
        elif e == i:
            t[7] = j + 1
            t[8] = count
            return j + 1
        else:
            count += 1
            if count > t[10]:
                return -431
            if k == i or d[k] != 58:
                return -400
            a = k + 1
            while a < e and (d[a] == 32 or d[a] == 9):
                a += 1
            while e > a and (d[e - 1] == 32 or d[e - 1] == 9):
                e -= 1
            kind = 2
            n = k - i
            at = 0
            name = 0
            if n == 4:
                at = 11
            elif n == 6:
                at = 14
                name = 4
            elif n == 10:
                at = 17
                name = 10
            elif n == 14:
                at = 20
                name = 20
            elif n == 17:
                at = 23
                name = 34
            if at:
                while i < k and (d[i] | 32) == known[name]:
                    i += 1
                    name += 1
                if i == k:
                    t[at] += 1
                    t[at + 1] = a
                    t[at + 2] = e
                    if at == 11:
                        kind = 8
            while a < e:
                if not (kinds[d[a]] & kind):
                    return -400
                a += 1
        i = j + 1
