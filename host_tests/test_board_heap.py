"""The tutorial's app from bytecode in the heap of a board: it fits, and needs no large piece of memory."""

import http.client
import re
import threading
import time

import pytest

WAIT_S = 30
CLIENTS = 4
BLOCK = 32  # bytes: four words of a 64-bit machine
LARGEST = 8 * 1024


def figures(text, word):
    """{name: bytes} of what micropython.mem_info printed after this line, the last time."""
    part = text.rpartition(f"{word}\n")[2]
    total, used, free = re.search(r"GC: total: (\d+), used: (\d+), free: (\d+)", part).groups()
    largest, gap = re.search(r"max blk sz: (\d+), max free sz: (\d+)", part).groups()
    return {"total": int(total), "used": int(used), "free": int(free), "largest": int(largest) * BLOCK, "gap": int(gap) * BLOCK}


@pytest.mark.lanes("upy-120k")
def test_tutorial_with_4_connections_and_a_worker_fits_120_kb_in_pieces_below_8_kb(serve, capsys):
    server = serve(script="board_heap.py", env={"DELAY_MS": "3000", "MAX_THREADS": "1"})
    before = figures(server.output(), "before")
    assert before["gap"] < LARGEST, before  # there is no larger piece to be had from here on
    kept = [http.client.HTTPConnection(server.host, server.port, timeout=WAIT_S) for _ in range(CLIENTS)]
    try:
        for _ in range(20):
            for conn in kept:
                conn.request("GET", "/fast")
                assert conn.getresponse().read() == b"hi\n"
        answers = []

        def slow():
            kept[0].request("POST", "/", b"x" * 1000)
            answers.append(kept[0].getresponse().read())

        thread = threading.Thread(target=slow)
        thread.start()
        deadline = time.monotonic() + WAIT_S
        while True:  # until the worker has begun
            assert time.monotonic() < deadline
            kept[1].request("GET", "/heap")
            if kept[1].getresponse().read() == b"1\n":
                break
        kept[2].request("GET", "/")  # there is one worker
        busy = kept[2].getresponse()
        assert (busy.status, busy.read()) == (503, b"all threads are busy\n")
        kept[3].request("GET", "/fast")
        assert kept[3].getresponse().read() == b"hi\n"
        thread.join()
        assert answers == [b"x" * 1000]
    finally:
        for conn in kept:
            conn.close()
    text = server.output()
    assert "Traceback" not in text and "MemoryError" not in text, text
    live, pins = figures(text, "live"), int(re.search(r"pins (\d+)", text)[1])
    assert live["total"] < 120 * 1024 and live["largest"] < LARGEST, live
    with capsys.disabled():
        print(
            f"\n64-bit: heap {live['total']}, of which {live['used'] - pins} live with {CLIENTS} connections and 1 worker"
            f" ({live['used'] - before['used']} of it mungo's); largest piece {live['largest']};"
            f" never more than {before['gap']} free in one place"
        )
