# An update of 300 KB in a heap in which 40 KB are free.

import gc
import json
import os
import sys
from binascii import hexlify
from hashlib import sha256

import aboard  # noqa: F401
import mungo.ota as ota
from otaboard import Board, drive, seal

MIN_HEAP = "192k"
FREE = 40000
CONTENT = bytes(range(250)) * 12  # of each file
FILES = 100


def pieces():
    """The bundle, as a board would get it: 1024 bytes at a time."""
    digest = hexlify(sha256(CONTENT).digest())
    text = json.dumps({"board": "TEST", "version": 1, "to": "folder"}).encode()
    for n in range(FILES):
        text += b"\n%s %d lib/mungo/folder%d/some_file_%03d.mpy" % (digest, len(CONTENT), n // 20, n)
    start = seal(text)
    for at in range(0, len(start), 1024):
        yield start[at : at + 1024]
    start = text = None
    for _ in range(FILES):
        for at in range(0, len(CONTENT), 1024):
            yield CONTENT[at : at + 1024]


def test_an_update_of_300_kb_fits_in_40_kb():
    with Board():
        kept = list(pieces()) if sys.implementation.name == "cpython" else []
        source = iter(kept) if kept else pieces()
        first = next(source)  # (it is signed by now)
        gc.collect()
        ballast = []
        while sys.implementation.name != "cpython" and gc.mem_free() > FREE:
            ballast.append(bytearray(500))
        gc.collect()

        def all_of_it():
            yield first
            for piece in source:
                yield piece

        answer = drive(all_of_it())
        assert isinstance(answer, dict) and answer["next"] == 1 and answer["done"] > 300000, answer
        assert len(ballast) > 50 or kept
        sizes = [os.stat("a/lib/mungo/folder%d/some_file_%03d.mpy" % (n // 20, n))[6] for n in range(FILES)]
        assert sizes == [len(CONTENT)] * FILES
    assert ota.state()["error"] == ""
