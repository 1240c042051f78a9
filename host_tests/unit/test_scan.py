# The scanners of a request's head, portable and viper, against a slow one that is written from the rules: the same answers, and the
# same notes in the table, for good heads, bad ones, and some thousands that are a little broken.

import gc
from array import array

from mungo.http import scan_portable as portable
from mungo.http.char_classes import CLASSES
from runner import Skip

try:
    from mungo.http import scan_viper
except (ImportError, AttributeError):
    scan_viper = None

_FIELDS = 6  # limit of the tests, in fields
_TCHAR = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # RFC 9110 section 5.6.2
_UTF8 = (  # the least and the greatest characters of each length; between the two of three bytes are the surrogates
    (b"\0", b"\x7f"),
    (b"\xc2\x80", b"\xdf\xbf"),
    (b"\xe0\xa0\x80", b"\xed\x9f\xbf"),
    (b"\xee\x80\x80", b"\xef\xbf\xbf"),
    (b"\xf0\x90\x80\x80", b"\xf4\x8f\xbf\xbf"),
)
_KNOWN = ("host", 11), ("expect", 14), ("connection", 17), ("content-length", 20), ("transfer-encoding", 23)

CORPUS = (
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /p/q?a=1&b=?#c HTTP/1.1\r\nHost: a:80\r\n\r\n",
    b"POST /up? HTTP/1.0\r\nContent-Length:5\r\nExpect:\t100-continue \t\r\n\r\nhello",
    b"PUT * HTTP/1.9\r\nTransfer-Encoding: chunked\r\nCONNECTION: close, x\r\nhOsT: [::1]:8080\r\n\r\n5\r\nhello\r\n",
    b"M-#~! http://a/b?c HTTP/1.1\r\nHost:\r\nhost: \r\nX-A: \r\nAccept: */*\r\nX: a:b;c=\"d e\"\xc3\xa9\t!\r\n\r\n",
    b"GET /\xc3\xa9?\xe2\x82\xac\xf0\x9f\x98\x80\xed\x9f\xbf HTTP/1.1\r\nHost: a\xc3\xa9\r\n\r\n",
    b"GET /{}<>\\^`|[]@:;=, HTTP/1.1\r\nContent_Length: 1\r\nContent-Lengths: 1\r\nContent-Lengt: 1\r\nexpecT: \xff\r\n\r\n",
    b"G / HTTP/1.1\r\na:1\r\nb:2\r\nc:3\r\nd:4\r\ne:5\r\nf:6\r\n\r\n",
    b"G / HTTP/1.1\r\na:1\r\nb:2\r\nc:3\r\nd:4\r\ne:5\r\nf:6\r\ng:7\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: [v1.a:b]\t\r\nHost: [::1]:\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a:\r\nHost: :8\r\nhost:[\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: [a\0]\r\n\r\n",
    b"G / HTTP/2.0\r\n\r\n",
    b"G / HTTP/1.1\r\n a: folded\r\n\r\n",
    b"\r\n",
    b"\n",
    b"",
)
TRAILERS = (b"\r\n", b"X-Sum: 1\r\n\r\n", b"Host: a b\r\n\r\n", b"a:\r\nb: \x7f\r\n\r\n", b"a", b"a: b\r\n\r")


# A head's rules, one after the other, with no regard to speed: what both scanners must say.
def by_the_book(data, start, end, limit, fields_only):
    table = [0] * 27
    seen = bytes(data[start : min(end, start + limit)])
    lines = []
    at = 0
    while seen.find(b"\n", at) >= 0:
        after = seen.find(b"\n", at) + 1
        lines.append((start + at, seen[at:after]))
        at = after
    for number, (at, line) in enumerate(lines):
        if line[-2:] != b"\r\n":
            return -400, None
        line = line[:-2]
        if not fields_only and number == 0:
            words = line.split(b" ")
            if len(words) != 3:
                return -400, None
            method, target, version = words
            if not method or not target or not all_in(method, 1) or not all_in(target, 132) or not is_utf8(target):
                return -400, None
            if len(version) != 8 or version[:5] != b"HTTP/" or version[6:7] != b".":
                return -400, None
            if not version[5:6].isdigit() or not version[7:8].isdigit():
                return -400, None
            if version[5:6] != b"1":
                return -505, None
            table[0] = start
            table[1] = start + len(method)
            table[2] = table[1] + 1
            table[4] = table[2] + len(target)
            table[3] = table[2] + target.find(b"?") if b"?" in target else table[4]
            table[5] = int(version[7:8])
            table[6] = at + len(line) + 2
        elif not line:
            table[7] = at + 2
            return table[7], table
        else:
            name, colon, value = line.partition(b":")
            if not colon or not name or not all_in(name, 1):
                return -400, None
            inner = value.strip(b" \t")
            for known, place in _KNOWN:
                if name.lower() == known.encode():
                    first = at + len(name) + 1 + (value.find(inner) if inner else len(value))
                    table[place] += 1
                    table[place + 1] = first
                    table[place + 2] = first + len(inner)
                    if known == "host" and not is_host(inner):
                        return -400, None
            if not all_in(value, 2):
                return -400, None
            table[8] += 1
            if table[8] > _FIELDS:
                return -431, None
    if end - start < limit:
        return 0, None
    return (-431 if lines or fields_only else -414), None


# RFC 3986 section 3.2, but for what is in the brackets, and whether two digits follow on a %.
def is_host(text):
    if text[:1] == b"[":
        inside, bracket, rest = text.partition(b"]")
        return bracket and all_in(inside, 32) and (not rest or rest[:1] == b":" and all_in(rest[1:], 16))
    name, _, port = text.partition(b":")
    return all_in(name, 8) and all_in(port, 16)


# RFC 3629 section 4, character by character.
def is_utf8(text):
    at = 0
    while at < len(text):
        for least, most in _UTF8:
            character = text[at : at + len(least)]
            if len(character) == len(least) and least <= character <= most:
                if min(character[1:] + b"\x80") >= 0x80 and max(character[1:] + b"\x80") <= 0xBF:
                    break
        else:
            return False
        at += len(character)
    return True


def all_in(text, kind):
    for byte in text:
        if not CLASSES[byte] & kind:
            return False
    return True


# What a scanner says, and its table without what it was given and without the places of fields that did not come.
def ask(scan, data, start, end, limit, fields_only):
    table = array("i", bytes(108))
    for at in range(27):
        table[at] = -1
    table[9] = limit
    table[10] = _FIELDS
    table[26] = fields_only
    said = scan(data, start, end, table)
    if said <= 0:
        return said, None
    notes = list(table)
    notes[9] = notes[10] = notes[26] = 0
    if fields_only:
        notes[:7] = [0] * 7
    for place in range(11, 26, 3):
        if not notes[place]:
            notes[place + 1] = notes[place + 2] = 0
    return said, notes


def compare(data, start, end, limit, fields_only):
    expected = by_the_book(data, start, end, limit, fields_only)
    for scanner in (portable, scan_viper):
        if scanner is not None:
            said = ask(scanner.scan, data, start, end, limit, fields_only)
            assert said == expected, (scanner.__name__, bytes(data), start, end, limit, said, expected)
    return expected[0]


# The same numbers on every runtime.
class Dice:
    def __init__(self, seed):
        self.state = seed

    def __call__(self, n):
        x = self.state
        x ^= x << 7 & 0xFFFF
        x ^= x >> 9
        x ^= x << 8 & 0xFFFF
        self.state = x
        return x % n


def test_kinds_are_the_ones_of_the_rfcs():
    for byte in range(256):
        kind = CLASSES[byte]
        assert bool(kind & 1) == (byte in _TCHAR), byte
        assert bool(kind & 2) == (byte == 9 or 32 <= byte != 127), byte
        assert bool(kind & 4) == (33 <= byte < 127 and byte != 35), byte
        assert bool(kind & 8) == (byte in b"-._~!$&'()*+,;=%" or byte in _TCHAR and byte not in b"#^`|"), byte
        assert bool(kind & 16) == (48 <= byte < 58)
        assert bool(kind & 32) == (kind & 8 > 0 or byte in b":[")
        assert bool(kind & 128) == (byte > 127)
        assert not kind & 64
    for byte in b"09azAZ-._~%!$&'()*+,;=":
        assert CLASSES[byte] & 8, byte
    for byte in b" \t/?@:[]\\^`|{}<>\"\x00\x7f\x80\xff#":
        assert not CLASSES[byte] & 8, byte
    assert sorted(portable._NAME) == sorted(_TCHAR)


def test_corpus_at_every_length_and_limit():
    outcomes = set()
    for fields_only, corpus in ((0, CORPUS), (1, TRAILERS)):
        for text in corpus:
            data = bytearray(b"\n\r\n" + text + b"\r\n\n")  # what is around it must not matter
            for end in range(3, 3 + len(text) + 1):
                outcomes.add(compare(data, 3, end, 300, fields_only) > 0)
            for limit in range(0, len(text) + 2):
                compare(data, 3, 3 + len(text), limit, fields_only)
            outcomes.add(compare(text, 0, len(text), 300, fields_only))  # bytes as well as bytearray
    assert {True, False, -400, -431, -505} <= outcomes


def test_mutations():
    count = 1200 if small_heap() else 4000
    dice = Dice(12345)
    outcomes = {}
    alphabet = b"\0\t\n\r\r\n  !\"#/:::?@AZaz[]{}~\x7f\x80\xff0123HhOo"
    for _ in range(count):
        fields_only = dice(8) == 0
        corpus = TRAILERS if fields_only else CORPUS
        data = bytearray(corpus[dice(len(corpus))])
        for _ in range(1 + dice(3)):
            at = dice(len(data) + 1)
            how = dice(5)
            if how == 0:
                data[at : at + 1] = b""
            elif how == 1:
                data[at:at] = alphabet[dice(len(alphabet)) :][:1]
            elif how == 2:
                data[at : at + 1] = alphabet[dice(len(alphabet)) :][:1]
            elif how == 3:
                other = corpus[dice(len(corpus))]
                data[at:at] = other[dice(len(other) + 1) :][: dice(30)]
            else:
                data[at:] = data[at : at + dice(40)]
        start = dice(3) if len(data) > 2 else 0
        limit = 300 if dice(4) else dice(len(data) + 2)
        said = compare(data, start, len(data) - (dice(9) == 0 and len(data) > start), limit, int(fields_only))
        said = min(said, 1)
        outcomes[said] = outcomes.get(said, 0) + 1
    # The mutations reach all that there is to reach.
    assert set(outcomes) == {-505, -431, -414, -400, 0, 1}, outcomes
    assert min(outcomes.values()) >= 2, outcomes


def small_heap():
    return gc.mem_free() + gc.mem_alloc() < 100000


def test_viper_scanner_allocates_nothing():
    if scan_viper is None:
        raise Skip("no viper here")
    table = array("i", bytes(108))
    table[9] = 300
    table[10] = _FIELDS
    data = bytearray(CORPUS[4])
    scan = scan_viper.scan
    end = len(data)
    gc.collect()
    before = gc.mem_alloc()
    scan(data, 0, end, table)
    scan(data, 0, end, table)
    assert gc.mem_alloc() == before
    assert table[7] == end
