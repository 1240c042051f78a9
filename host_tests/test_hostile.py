"""A server under attack: each request of unit/hostile.py gets its status, is the last of its connection, and hurts nobody else."""

import asyncio
import importlib.util
import re

import pytest

import lanes

WAIT_S = 20
AT_ONCE = 100
GOOD = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"

_spec = importlib.util.spec_from_file_location("hostile", lanes.ROOT / "host_tests/unit/hostile.py")
hostile = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(hostile)
ROWS = list(hostile.rows())
LIMITS = {"HEAD_LIMIT": hostile.HEAD_LIMIT, "BODY_LIMIT": hostile.BODY_LIMIT}


async def talk(one, parts):
    """What a client reads, to the end, that sends these parts one by one."""
    reader, writer = await asyncio.open_connection(one.host, one.port)
    try:
        received = asyncio.ensure_future(reader.read())
        for part in parts:
            writer.write(part)
            try:
                await writer.drain()
            except ConnectionError:
                break  # it has had enough of us
            await asyncio.sleep(0)
        return await asyncio.wait_for(received, WAIT_S)
    finally:
        writer.transport.abort()


def answers(data):
    """The statuses of the answers that `data` is made of; a str if it is not made of answers."""
    statuses = []
    while data:
        head = re.match(rb"HTTP/1\.1 (\d{3}) [^\r\n]+\r\n((?:[^\r\n]+\r\n)*)\r\n", data)
        if not head:
            return f"after {statuses}: {data[:200]!r}"
        length = re.search(rb"Content-Length: (\d+)\r\n", head[2])
        end = head.end() + int(length[1]) if length else None
        if end is None or end > len(data):
            return f"no body: {data[:200]!r}"
        statuses.append(int(head[1]))
        if statuses[-1] != 200 and b"Connection: close\r\n" not in head[2]:
            return f"not the last: {data[:200]!r}"
        data = data[end:]
    return statuses


# How a row is sent, which statuses are read then, and which good requests reach the handler.
MODES = {
    "whole": (lambda data: [data], [], 0),
    "in small pieces": (lambda data: pieces(data), [], 0),
    "before a good one": (lambda data: [data + GOOD % b"after"], [], 0),
    "behind a good one": (lambda data: [GOOD % b"before" + data], [200], 1),
    "behind a good one, in pieces": (lambda data: pieces(GOOD % b"before" + data), [200], 1),
}


# Byte by byte unless that takes too long.
def pieces(data):
    step = len(data) // 200 + 1
    return [data[at : at + step] for at in range(0, len(data), step)]


async def attack(one, cut):
    gate = asyncio.Semaphore(AT_ONCE)

    async def row(data):
        async with gate:
            try:
                return answers(await talk(one, cut(data)))
            except (OSError, TimeoutError) as error:
                return repr(error)

    return await asyncio.gather(*[row(data) for _, _, data in ROWS])


@pytest.mark.parametrize("mode", MODES)
def test_refused(serve, mode):
    cut, before, good = MODES[mode]
    one = serve(script="hostile.py", env=LIMITS)
    outcomes = asyncio.run(attack(one, cut))
    wrong = [
        f"{name}: {outcome} instead of {[*before, status]}"
        for (name, status, _), outcome in zip(ROWS, outcomes, strict=True)
        if outcome != [*before, status]
    ]
    assert not wrong, "\n".join(wrong)
    # No handler has seen anything of it, and the next client is served.
    said = asyncio.run(talk(one, [GOOD.replace(b"Host", b"Connection: close\r\nHost") % b"asked"]))
    assert answers(said) == [200]
    bugs, *asked = said.partition(b"\r\n\r\n")[2].decode().split()
    assert bugs == "0"
    assert asked == ["/before"] * good * len(ROWS)
    assert "Traceback" not in one.output()


def test_table():
    names = [name for name, _, _ in ROWS]
    assert len(set(names)) == len(names) >= 60
    assert {status for _, status, _ in ROWS} == {400, 413, 414, 417, 431, 501, 505}  # and 408: see test_http_server.py


# What comes behind a refused request is discarded, so that its status reaches also a client that reads late.
def test_status_is_read_after_much_has_been_sent(serve):
    one = serve(script="hostile.py", env=LIMITS)
    for data, status in (
        (GOOD[:-2] % b"x" + b"a: b\r\n" * 9000, 431),
        (b"GET /" + b"x" * 60000, 414),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n" + bytes(60000), 413),
        (b"\0" * 60000, 400),
    ):
        assert answers(asyncio.run(talk(one, [data]))) == [status]


# A client that never stops sending is cut off after ten times linger_ms, and nobody else notices.
def test_endless_sender_is_cut_off(serve):
    one = serve(script="hostile.py", env=LIMITS)

    async def send_endlessly():
        reader, writer = await asyncio.open_connection(one.host, one.port)
        sent = 0
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    writer.write(b"x" * 65536)
                    await writer.drain()
                    sent += 65536
                    said = await talk(one, [GOOD.replace(b"Host", b"Connection: close\r\nHost") % b"hi"])
                    assert answers(said) == [200]
        except ConnectionError:
            return sent
        finally:
            writer.transport.abort()

    assert asyncio.run(send_endlessly()) > 1 << 20  # not by the number of bytes
