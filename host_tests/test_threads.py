"""Threads beside the loop, from outside: imports without a GIL, and a loop that is late for 600 results."""

import asyncio

import lanes
from unit_items import run_module

WAIT_S = 30
HEAP = "8m"  # for all parts at once, from source
HELD = 600


# Each process is a new race. If a worker could see a dict of the library's that grows, most of them would fail.
def test_parts_are_imported_while_workers_run(runtime):
    lane = lanes.LANES[runtime]
    for _ in range(2 if lane.is_cpython else 10):
        results = run_module(lane, lane.heap and HEAP, "sample_imports", ["test_imports_while_workers_read"])
        outcome, text = results["test_imports_while_workers_read"]
        assert outcome == "ok", text


# Each process is a new race, in which nothing is loaded yet.
def test_two_threads_that_start_a_server_at_the_same_time_are_told_so(runtime):
    for _ in range(2 if runtime == "cpython" else 20):
        ended = lanes.run_script(runtime, "host_tests/servers/two_threads.py", timeout=60)
        assert ended.stdout.startswith("served 1 refused ['another thread has a manager"), ended.stdout + ended.stderr


async def ask(one, body):
    """What a client reads to its request with this body."""
    reader, writer = await asyncio.open_connection(one.host, one.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return head.split()[1], await reader.readexactly(length)
    finally:
        writer.close()


# With the udp bell alone: see ring.py for what the unix port does to the other one beside so many sockets.
def test_600_requests_while_the_loop_is_held(serve):
    one = serve(script="held.py", env={"HELD": HELD, "BELL": "udp"})
    bodies = [b"%d" % i for i in range(HELD)]

    async def all_of_them():
        return await asyncio.wait_for(asyncio.gather(*(ask(one, body) for body in bodies)), WAIT_S)

    answers = asyncio.run(all_of_them())
    assert answers == [(b"200", b"answer to " + body) for body in bodies]
    assert "still open: 0" in one.output()  # all were sent while it was held
    assert "Traceback" not in one.output()
