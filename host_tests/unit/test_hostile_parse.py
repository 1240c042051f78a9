# Every request of hostile.py is refused by the parser with the right status, however it is cut, and nothing behind it is ever looked at.

import mungo.http.chunked
import mungo.http.head  # now, so that they find room in one piece: a heap of 64 KB has little besides  # noqa: F401
from feeding import GET, events, same, singly
from hostile import BODY_LIMIT, HEAD_LIMIT, rows

MIN_HEAP = "84k"


def check(parts, status, how, name):
    seen = events(parts, limit=HEAD_LIMIT, body_limit=BODY_LIMIT)
    same(seen[-1], -status, how, name)
    # Of its own request there may have been a head, but never an end.
    assert len(seen) < 3 and (len(seen) == 1 or len(seen[0]) > 4), (name, how, seen)


def test_refused_whole_and_byte_by_byte():
    names = set()
    for name, status, data in rows():
        assert name not in names
        names.add(name)
        check([data], status, "whole", name)
        check(singly(data), status, "byte by byte", name)
        check([data + GET], status, "before another", name)
    assert len(names) >= 100


def test_refused_at_every_split():
    for name, status, data in rows():
        step = len(data) // 100 + 1
        for at in range(1, len(data), step):
            check([data[:at], data[at:]], status, at, name)


def test_refused_behind_a_good_one():
    for name, status, data in rows():
        for parts in ([GET + data], [GET, data], [GET[:-2], GET[-2:] + data]):
            seen = events(parts, limit=HEAD_LIMIT, body_limit=BODY_LIMIT)
            same(seen[-1], -status, "behind another", name)
            assert seen[1] == (b"", "GET", "/", "") and len(seen) <= 4, (name, seen)
