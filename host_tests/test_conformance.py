"""What RFC 9110 and RFC 9112 demand of an origin server: conformance.md is the table, and here are the tests that only it needs."""

import email.utils
import re
import socket
import time

import pytest

import lanes
from test_hostile import ROWS as HOSTILE

WAIT_S = 20
TABLE = lanes.ROOT / "host_tests/conformance.md"


def get(target="/", lines="", method="GET", version="1.1", host="Host: a\r\n", body=""):
    return f"{method} {target} HTTP/{version}\r\n{host}{lines}\r\n{body}"


def ok(body, lines="", status="200 OK", more=""):
    return f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body)}\r\n{more}\r\n{body}"


def refused(status, has_content=False):
    content = status[4:] + "\n"
    head = ok(content, "Content-Type: text/plain\r\n", status, CLOSE)
    return head if has_content else head.removesuffix(content)


SEEN = "GET / 'a' "  # what the handler tells of get()
CLOSE = "Connection: close\r\n"
LENGTH = "Content-Length: 3\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
EXPECT = "Expect: 100-continue\r\n"
STREAMED = "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
BAD = ok("Bad Request\n", "Content-Type: text/plain\r\n", "400 Bad Request", CLOSE)
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"

# name: what a client sends, and all that it gets. Behind each comes LAST, which is answered unless the connection is to end.
LAST = get("/last", CLOSE)
LAST_ANSWER = ok("GET /last 'a' ", more=CLOSE)
EXCHANGES = {
    # Answers: their first line, their fields, their end.
    "GET": (get(), ok(SEEN)),
    "HEAD": (get(method="HEAD"), ok("HEAD / 'a' ").removesuffix("HEAD / 'a' ")),
    "HEAD of a stream": (get("/?stream=one", method="HEAD"), f"HTTP/1.1 200 OK\r\n{CHUNKED}\r\n"),
    "reason that is not known": (get("/?status=299"), ok(SEEN, status="299 ")),
    "no content in 204": (get("/?status=204"), "HTTP/1.1 204 No Content\r\n\r\n"),
    "no content in 304": (get('/?status=304&ETag="x"'), 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n'),
    "no content in 205": (get("/?status=205"), ok("", status="205 ")),
    "no content in 205, not even a stream": (get("/?status=205&stream=one"), ok("", status="205 ")),
    "stream": (get("/?stream=one,two"), f"HTTP/1.1 200 OK\r\n{CHUNKED}\r\n{STREAMED}"),
    "stream to HTTP/1.0": (get("/?stream=one,two", version="1.0"), f"HTTP/1.1 200 OK\r\n{CLOSE}\r\nonetwo"),
    "codings that the client would take": (
        get("/?stream=one,two", "TE: trailers, gzip\r\nConnection: TE\r\n"),
        f"HTTP/1.1 200 OK\r\n{CHUNKED}\r\n{STREAMED}",
    ),
    "date of the program": (get("/?Date=" + DATE.replace(" ", "+")), ok(SEEN, f"Date: {DATE}\r\n")),
    "error": ("GET /\r\n\r\n", BAD),
    # Targets and methods.
    "URL as target": (get("http://b:8/x?y=z"), ok("GET /x 'b:8' ", "y: z\r\n")),
    "URL as target, without a path": (get("HTTP://b"), ok("GET / 'b' ")),
    "Host that is empty": (get(host="Host:\r\n"), ok("GET / '' ")),
    "asterisk": (get("*", method="OPTIONS"), ok("OPTIONS * 'a' ")),
    "methods differ in case": (get(method="get"), ok("get / 'a' ")),
    "method that nobody knows": (get(method="BREW"), ok("BREW / 'a' ")),
    "GET with a body": (get(lines=LENGTH, body="abc"), ok(SEEN + "abc")),
    "minor version that is higher": (get(version="1.9"), ok(SEEN)),
    "major version that is higher": (
        get(version="2.0"),
        ok("HTTP Version Not Supported\n", "Content-Type: text/plain\r\n", "505 HTTP Version Not Supported", CLOSE),
    ),
    "empty lines in front": ("\r\n\r\n" + get() + "\r\n", ok(SEEN)),
    # Refusals: to HEAD they have no content, either.
    "HEAD refused, not HTTP": ("HEAD / HTTP/1.1\r\n\r\n", refused("400 Bad Request")),
    "HEAD refused, field": (get(method="HEAD", lines="a b\r\n"), refused("400 Bad Request")),
    "HEAD refused, length": (get(method="HEAD", lines="Content-Length: 99999999\r\n"), refused("413 Content Too Large")),
    "HEAD refused, long target": (get("/" + "x" * 9000, method="HEAD"), refused("414 URI Too Long")),
    "HEAD refused, expectation": (get(method="HEAD", lines="Expect: x\r\n"), refused("417 Expectation Failed")),
    "HEAD refused, long field": (get(method="HEAD", lines=f"X: {'x' * 9000}\r\n"), refused("431 Request Header Fields Too Large")),
    "HEAD refused, coding": (get(method="HEAD", lines="Transfer-Encoding: x, chunked\r\n"), refused("501 Not Implemented")),
    "HEAD refused, version": (get(method="HEAD", version="2.0"), refused("505 HTTP Version Not Supported")),
    "HEAD refused, behind another": (get() + get(method="HEAD", lines="Expect: x\r\n"), ok(SEEN) + refused("417 Expectation Failed")),
    "other method that starts like HEAD": (get(method="HEADX", lines="Expect: x\r\n"), refused("417 Expectation Failed", True)),
    # Bodies.
    "chunk sizes with zeros in front": (
        get(lines=CHUNKED, body="00000002\r\nab\r\n" + "0" * 40 + "1\r\nc\r\n00000000\r\n\r\n"),
        ok(SEEN + "abc"),
    ),
    "length with zeros in front": (get(lines="Content-Length: " + "0" * 40 + "3\r\n", body="abc"), ok(SEEN + "abc")),
    "chunked": (get(lines=CHUNKED, body="2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), ok(SEEN + "abc")),
    "chunk extensions": (get(lines=CHUNKED, body='2 ; x = "y;z"\r\nab\r\n0;x\r\n\r\n'), ok(SEEN + "ab")),
    "trailers are no header fields": (get(lines=CHUNKED, body="0\r\nHost: b\r\n\r\n"), ok(SEEN)),
    "length and coding": (get(lines=LENGTH + CHUNKED, body="0\r\n\r\n"), BAD),
    "coding in HTTP/1.0": (get(lines="Connection: keep-alive\r\n" + CHUNKED, version="1.0", body="0\r\n\r\n"), BAD),
    # Fields.
    "empty members of lists": (get(lines="Connection: ,x,\r\nTransfer-Encoding: , chunked ,\r\n", body="0\r\n\r\n"), ok(SEEN)),
    "tabs around members of lists": (
        get(lines="Connection:\tx\t,\tclose\t\r\nTransfer-Encoding:\tchunked\t\r\n", body="0\r\n\r\n"),
        ok(SEEN, more=CLOSE),
    ),
    "close among other members": (get(lines="Connection: x, ,Close\r\n"), ok(SEEN, more=CLOSE)),
    "Expect in HTTP/1.0": (get(lines=EXPECT + LENGTH, version="1.0", body="abc"), ok(SEEN + "abc", more=CLOSE)),
    "Expect without a body": (get(lines=EXPECT), ok(SEEN)),
    "Expect, and the answer is known": (get("/early", EXPECT + LENGTH), ok("early", more=CLOSE)),
    "Upgrade that nobody wants": (get(lines="Upgrade: x/1\r\nConnection: upgrade\r\n"), ok(SEEN)),
    "Upgrade in HTTP/1.0": (get(lines="Upgrade: websocket\r\nConnection: upgrade\r\n", version="1.0"), ok(SEEN, more=CLOSE)),
    "Upgrade of the program": (
        get("/?status=426&Upgrade=x/1&Connection=Upgrade"),
        ok(SEEN, "Upgrade: x/1\r\nConnection: Upgrade\r\n", "426 Upgrade Required"),
    ),
    # The connection's end.
    "close of the client": (get(lines=CLOSE), ok(SEEN, more=CLOSE)),
    "close of the program": (get("/?Connection=close"), ok(SEEN, more=CLOSE)),
    "close of the program, and more": (get("/?Connection=x,+close"), ok(SEEN, "Connection: x, close\r\n", more=CLOSE)),
    "option of the program that has close in its name": (get("/?Connection=close-not"), ok(SEEN, "Connection: close-not\r\n")),
    "HTTP/1.0": (get(version="1.0"), ok(SEEN, more=CLOSE)),
    "HTTP/1.0 that stays": (get(lines="Connection: keep-alive\r\n", version="1.0"), ok(SEEN, more="Connection: keep-alive\r\n")),
}


def talk(one, *parts, is_whole=True):
    """All that a client gets that sends these, one after the other has been read, to the end of the connection. `is_whole` False: it
    says that no more will come."""
    with socket.create_connection((one.host, one.port), WAIT_S) as sock:
        for number, part in enumerate(parts):
            if number:
                asked(one)
            sock.sendall(part.encode())
        if not is_whole:
            sock.shutdown(socket.SHUT_WR)
        return undated(b"".join(iter(lambda: sock.recv(1 << 16), b"")).decode())


HEAD = re.compile(r"HTTP/1\.1 [2-5]\d\d .*?\r\n\r\n", re.DOTALL)


def undated(seen):
    """What is seen without the Date of its answers, of which each has just one. (Those of programs here are old, and stay.)"""

    def check(head):
        date = re.findall(r"\r\nDate: ([^\r]*)", head[0])
        assert len(date) == 1, head[0]
        if date != [DATE]:
            assert date == [email.utils.formatdate(email.utils.parsedate_to_datetime(date[0]).timestamp(), usegmt=True)], date
            assert abs(email.utils.parsedate_to_datetime(date[0]).timestamp() - time.time()) < WAIT_S, date
            return head[0].replace(f"Date: {date[0]}\r\n", "")
        return head[0]

    return HEAD.sub(check, seen)


def asked(one):
    """The targets that the program has been asked for."""
    return talk(one, get("/asked", CLOSE)).partition("\r\n\r\n")[2].split()


def test_exchanges(serve):
    one = serve(script="conformance.py")
    wrong = []
    for name, (sent, expected) in EXCHANGES.items():
        if CLOSE not in expected:
            expected += LAST_ANSWER
        seen = talk(one, sent + LAST)
        if seen != expected:
            wrong.append(f"{name}:\n{seen!r} instead of\n{expected!r}")
    assert not wrong, "\n".join(wrong)


# It does not know what 100 is, so it does not wait for it either.
def test_http_1_0_gets_no_100(serve):
    seen = talk(serve(script="conformance.py"), get(lines=EXPECT + LENGTH, version="1.0"), "abc")
    assert seen == ok(SEEN + "abc", more=CLOSE)


# Not even if all that is missing is the end of the last line: a field could follow that changes everything.
@pytest.mark.parametrize("data", [get("/cut")[:-2], get("/cut", LENGTH, body="ab"), get("/cut", CHUNKED, body="2\r\nab\r\n")])
def test_request_that_is_not_whole_is_none(serve, data):
    one = serve(script="conformance.py")
    with socket.create_connection((one.host, one.port), WAIT_S) as sock:
        sock.sendall(data.encode())
        assert asked(one) == ["/asked"]
    assert talk(one, get("/whole") + data, is_whole=False) == ok("GET /whole 'a' ")
    assert asked(one) == ["/asked", "/whole", "/asked"]


# --- the table


def rows():
    """(chapter, section, demand, tests, reason) of each row."""
    chapter = None
    for line in TABLE.read_text().splitlines():
        if line.startswith("## "):
            chapter = line[3:]
        elif chapter and line.startswith("| ") and line[2].isdigit():
            cells = [cell.strip() for cell in line[1:-1].split("|")]
            assert len(cells) == 4, line
            yield chapter, *cells


def exists(name):
    kind, _, row = name.partition(": ")
    if kind == "exchange":
        return row in EXCHANGES
    if kind == "hostile":
        return row in {name for name, _, _ in HOSTILE}
    file, _, function = name.partition("::")
    path = TABLE.parent / file
    return path.is_file() and f"\ndef {function}(" in path.read_text()


def test_every_demand_has_a_test_or_a_reason():
    seen = {}
    used = set()
    for chapter, section, demand, tests, reason in rows():
        assert (chapter, section, demand) not in seen, demand
        seen[chapter, section, demand] = [int(number) for number in section.split(".")]
        names = re.findall("`([^`]+)`", tests)
        assert names or reason, demand
        assert tests == ", ".join(f"`{name}`" for name in names), demand
        assert demand.endswith(".") and (not reason or reason.endswith(".")), demand
        missing = [name for name in names if not exists(name)]
        assert not missing, f"{demand} {missing}"
        used.update(names)
    chapters = {chapter for chapter, _, _ in seen}
    assert len(chapters) == 4 and len(seen) > 150
    for chapter in chapters:
        sections = [numbers for key, numbers in seen.items() if key[0] == chapter]
        assert sections == sorted(sections)
    assert {f"exchange: {name}" for name in EXCHANGES} <= used
