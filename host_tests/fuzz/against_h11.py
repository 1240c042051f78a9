"""A differential fuzz against h11: python -m host_tests.fuzz.against_h11 [--inputs N] [--seed S] [SIDE]

Requests, and responses, that are right, a little wrong, or neither are given to mungo's parser and to h11. Both have to find the same
messages in them, or both to refuse. Where they differ, one of EXPLAINED has to fit what is in the message; each says which of the two is
stricter, and why. It ends with status 1 if there is a difference that nothing explains.
"""

import argparse
import random
import re
import sys
import time
from pathlib import Path

import h11

from .. import shim

shim.install()
shim.set_path(Path(__file__).resolve().parent)

from mungo.core.buffer import Buffer  # noqa: E402
from mungo.http.parser import Request  # noqa: E402
from mungo.http.response_parser import Response  # noqa: E402
from mungo.http.scan import request_table  # noqa: E402

NEED, HEAD, PIECE, DONE = range(4)
LIMIT = 1 << 15  # of a head: no input reaches it, since limits are what differs
SUFFIXES = (b"\r\n\r\n", b"x" * 40 + b"\r\n\r\n", b"\r\n0\r\n\r\n\r\n")  # with one of these a message is judged that waits for more


class Outcome:
    """What a parser says of the message at the start of some bytes: `kind` is "good", "bad" or "more". If it is good, `message` is what
    it says, `used` the number of its bytes, and `goes_on` whether another may follow."""

    def __init__(self, kind, message=None, used=0, goes_on=False):
        self.kind = kind
        self.message = message
        self.used = used
        self.goes_on = goes_on

    def __eq__(self, other):
        if self.kind != "good" or other.kind != "good":
            return self.kind == other.kind
        return (self.message, self.used, self.goes_on) == (other.message, other.used, other.goes_on)

    def __repr__(self):
        return f"{self.kind} {self.message} used={self.used} goes_on={self.goes_on}" if self.kind == "good" else self.kind


FRAMING = (b"content-length", b"transfer-encoding")


def plain(fields, left_out=FRAMING):
    """Fields, pairs of bytes, so that they can be compared: those of the framing say by the body what they mean. In a response Host
    means nothing, so mungo empties one that is none."""
    found = []
    for name, value in fields:
        if name.lower() not in left_out:
            found.append((name.lower(), blanks_joined([value])))
    return found


def blanks_joined(words):
    """Text with single spaces in the place of blanks and control characters."""
    return b" ".join(re.split(rb"[\x00-\x20\x7f]+", b" ".join(words))).strip()


# --- mungo's opinion


def body_of(hm, buf):
    """(kind, body) of the message whose head has just been parsed."""
    body = b""
    while True:
        ev = hm.parse(buf)
        if ev == PIECE:
            body += bytes(hm.view(buf))
        else:
            return {DONE: "good", NEED: "more"}.get(ev, "bad"), body


def raw_fields(head):
    return [line.partition(b":")[::2] for line in head.split(b"\r\n")[1:-2]]


def our_request(data):
    hm = Request(request_table(LIMIT))
    buf = Buffer(bytearray(data), len(data))
    ev = hm.parse(buf)
    if ev != HEAD:
        return Outcome("more" if ev == NEED else "bad")
    head = hm.head_bytes()
    keep_alive = hm.keep_alive
    kind, body = body_of(hm, buf)
    method, target, version = head[: head.find(b"\r\n")].split(b" ")
    message = (method, target, version[5:], plain(raw_fields(head)), body)
    return Outcome(kind, message, len(data) - len(buf) + hm.at, keep_alive)


def our_response(data, is_head):
    hm = Response(LIMIT)
    hm.is_head = is_head
    buf = Buffer(bytearray(data), len(data))
    ev = hm.parse(buf)
    if ev != HEAD:
        return Outcome("bad")  # (the connection ends)
    head = hm.head_bytes()
    kind, body = body_of(hm, buf)
    if hm.is_endless and hm.state and kind == "more":
        kind = "good"
    message = (hm.status, blanks_joined(head.split(b"\r\n")[0].split(None, 2)[2:]), plain(raw_fields(head), (*FRAMING, b"host")), body)
    return Outcome("good" if kind == "good" else "bad", message, len(data) - len(buf) + hm.at, hm.keep_alive)


# --- h11's


def their_request(data):
    conn = h11.Connection(h11.SERVER, max_incomplete_event_size=LIMIT)
    conn.receive_data(data)
    request = None
    body = b""
    try:
        while True:
            event = conn.next_event()
            if event is h11.NEED_DATA:
                return Outcome("more")
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return Outcome("bad")
    except h11.RemoteProtocolError:
        return Outcome("bad")
    message = (request.method, request.target, request.http_version, plain(request.headers.raw_items()), body)
    used = len(data) - len(conn.trailing_data[0])
    if conn.our_state is h11.SEND_RESPONSE:
        conn.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
        conn.send(h11.EndOfMessage())
    return Outcome("good", message, used, conn.their_state is h11.DONE)


def their_response(data, is_head):
    conn = h11.Connection(h11.CLIENT, max_incomplete_event_size=LIMIT)
    conn.send(h11.Request(method="HEAD" if is_head else "GET", target="/", headers=[("Host", "a")]))
    conn.send(h11.EndOfMessage())
    conn.receive_data(data)
    response = None
    body = b""
    is_ended = False
    try:
        while True:
            event = conn.next_event()
            if event is h11.NEED_DATA and not is_ended:
                is_ended = True
                conn.receive_data(b"")
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            elif not isinstance(event, h11.InformationalResponse):
                return Outcome("bad")
    except h11.RemoteProtocolError:
        return Outcome("bad")
    message = (
        response.status_code,
        blanks_joined([bytes(response.reason)]),
        plain(response.headers.raw_items(), (*FRAMING, b"host")),
        body,
    )
    goes_on = conn.their_state is not h11.MUST_CLOSE and not is_ended
    return Outcome("good", message, len(data) - len(conn.trailing_data[0]), goes_on)


# --- what explains a difference


def frame_of(data):
    """A message without its content: the head, and if it is chunked the chunks' size lines, the two bytes behind each, the trailer."""
    end = 0
    while True:
        start = len(data) - len(data[end:].lstrip(b"\r\n"))
        blank = re.compile(rb"\n\r?\n").search(data, start)
        if not blank:
            return data
        end = blank.end()
        if not re.match(rb"HTTP/1\.[0-9][^0-9\n]+1", data[start:]):  # (interim responses belong to the next)
            break
    head = data[:end]
    if not re.search(rb"(?i)\ntransfer-encoding", head):
        return head
    rest = data[end:]
    while True:
        line = re.match(rb"[^\n]*\n", rest)
        size = re.match(rb"[0-9a-fA-F]+", rest)
        if not line or not size:
            return head + rest[:200]
        head += line[0]
        rest = rest[line.end() :]
        n = int(size[0], 16)
        if not n:
            end = re.match(rb"\r?\n", rest) or re.compile(rb"\n\r?\n").search(rest)
            return head + (rest[: end.end()] if end else rest)
        head += rest[n : n + 2]
        rest = rest[n + 2 :]


def head_of(frame):
    return re.split(rb"\n\r?\n", frame.lstrip(b"\r\n"))[0] + b"\n"


def fits(pattern):
    find = re.compile(pattern).search
    return lambda frame: find(frame) is not None


def lines_of(frame, name):
    """The values of the fields of this name, folded ones in one."""
    return re.findall(rb"(?im)^" + name + rb"[ \t]*:[ \t]*([^\n]*?)[ \t]*\r?$", re.sub(rb"\r?\n[ \t]+", b" ", frame))


HOST = re.compile(rb"([-A-Za-z0-9._~!$&'()*+,;=%]*|\[[-A-Za-z0-9._~!$&'()*+,;=%:\[]*\])(:[0-9]*)?")
FIELD = re.compile(rb"[-!#$%&'*+.^_`|~0-9a-zA-Z]+:[ \t]*(?:[^\x00\s]+(?:[ \t]+[^\x00\s]+)*)?[ \t]*")
TARGET = re.compile(rb"/[^#]*|(?i:http)://[^/?#:@][^/?#@]*([/?][^#]*)?")


def bad_host(frame):
    return any(not HOST.fullmatch(value) for value in lines_of(frame, b"host"))


def bad_target(frame):
    words = frame.split(b"\n")[0].split(b" ")
    if len(words) < 3:
        return False
    method, target = words[:2]
    if method == b"CONNECT":
        return True
    if target == b"*":
        return method != b"OPTIONS"
    url = re.match(rb"(?i:http)://([^/?]*)", target)
    return not TARGET.fullmatch(target) or url is not None and not HOST.fullmatch(url[1])


def old(frame):
    return b" HTTP/1.0" in frame.split(b"\n")[0] or re.search(rb"(?m)^HTTP/1\.0", frame) is not None


def is_coded(frame):
    return bool(lines_of(frame, b"transfer-encoding"))


def framing_of(frame):
    return lines_of(frame, b"transfer-encoding") + lines_of(frame, b"content-length")


def empty_members(frame):
    return any(b"" in [member.strip() for member in value.split(b",")] for value in framing_of(frame))


def quoted_option(frame):
    return b'"' in b",".join(lines_of(frame, b"connection"))


def framing_in_trailer(frame):
    return is_coded(frame) and (len(lines_of(frame, b"transfer-encoding")) > 1 or bool(lines_of(frame, b"content-length")))


def bad_trailer(frame):
    """Whether the trailer of a chunked response has a line that is no field, or the framing in it."""
    found = re.search(rb"(?s)\n\r?\n.*?(?:(?<=\n)|(?<=\n\r\n))0+[ \t]*(?:;[^\n]*)?\n(.*)\Z", frame.replace(b"\r\n", b"\n"))
    lines = found[1].split(b"\n") if found else []
    return framing_in_trailer(frame) or any(line and not FIELD.fullmatch(line) for line in lines)


def no_content(frame):
    return re.search(rb"(?m)^HTTP/1\.[0-9][ \t]+(1[0-9][0-9]|204|304)", frame) is not None


LF_ALONE = fits(rb"(?<!\r)\n")
FOLDED = fits(rb"\n[ \t]")
CONTROLS = fits(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
NUL_OR_BLANK = fits(rb"[\x00\x0b\x0c]|\r(?!\n)")
ZEROS = fits(rb"(?m)^0*[0-9a-fA-F]{21}|:([ \t]|\r?\n[ \t])*[0-9]{21}")
LARGE_CHUNK = fits(rb"(?m)^0*[1-9a-fA-F][0-9a-fA-F]{15,19}[ \t]*[;\r]")
LARGE_LENGTH = fits(rb"(?i)content-length[ \t]*:([ \t]|\r?\n[ \t])*(0*[1-9][0-9]{18,19}[ \t,]*)+[\r\n]")
BLANK_BEFORE_EXTENSION = fits(rb"(?m)^[0-9a-fA-F]+[ \t]+;")
INTERIM = rb"^[\r\n]*(HTTP[^\n]*\n([^\r\n][^\n]*\n)*\r?\n[\r\n]*)*"
VERSION = fits(INTERIM + rb"(HTTP/[02-9]|[^\n]* HTTP/[02-9])")
BLANKS_IN_STATUS_LINE = fits(INTERIM + rb"HTTP/1\.[0-9]([ \t\v\f\r]{2}|[\t\v\f\r]|[ \t]+[0-9]{3}([\t\v\f]|\r[^\n]))")
CONTROLS_IN_EXTENSION = fits(rb"(?m)^[0-9a-fA-F]+[ \t]*;[^\n]*([\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n))")
IDENTITY = fits(rb"(?i)^[ \t,]*identity[ \t,]*$")
EMPTY_LINES = fits(rb"^\r?\n")
HIGH_TARGET = fits(rb"^[^\n]*[\x80-\xff][^\n]* HTTP/")

# (side, who refuses, what is told of it, whether that is in the message's frame). "differ": neither refuses.
EXPLAINED = [
    ("server", "mungo", "LF alone ends a line", LF_ALONE),
    ("server", "mungo", "a folded field, which servers may refuse", FOLDED),
    ("server", "mungo", "a control character in a field or a chunk's extension", CONTROLS),
    ("server", "mungo", "Host, or the host of a URL, is none; h11 does not look", bad_host),
    ("server", "mungo", "a target that is neither path, http URL, nor the * of OPTIONS; CONNECT", bad_target),
    ("server", "mungo", "HTTP/2.0 and the like, in the form of HTTP/1", VERSION),
    ("server", "mungo", "several lengths, also equal ones", lambda frame: b"," in b",".join(lines_of(frame, b"content-length"))),
    ("server", "mungo", "a length and a coding", lambda frame: is_coded(frame) and bool(lines_of(frame, b"content-length"))),
    ("server", "mungo", "a coding in HTTP/1.0", lambda frame: is_coded(frame) and old(frame)),
    ("server", "mungo", "an expectation that is not known", lambda frame: bool(lines_of(frame, b"expect"))),
    ("server", "mungo", "no Host in HTTP/1.2 and later", lambda frame: not lines_of(head_of(frame), b"host") and b" HTTP/1.1" not in frame),
    ("server", "mungo", "two Hosts in HTTP/1.0", lambda frame: len(lines_of(frame, b"host")) > 1),
    ("server", "mungo", "blanks behind a chunk's size", fits(rb"(?m)^[0-9a-fA-F]+[ \t]+\r")),
    ("server", "mungo", "a chunk of 16 to 20 digits", LARGE_CHUNK),
    ("server", "mungo", "a length of 19 or 20 digits", LARGE_LENGTH),
    ("server", "h11", "empty lines in front of the request", EMPTY_LINES),
    ("server", "h11", "UTF-8 in the target", HIGH_TARGET),
    ("server", "h11", "empty members of the list of codings", empty_members),
    ("server", "h11", "blanks in front of a chunk's extension", BLANK_BEFORE_EXTENSION),
    ("server", "h11", "more than 20 digits, zeros in front", ZEROS),
    ("server", "h11", "a length or a coding in a trailer", framing_in_trailer),
    ("server", "differ", "a quote in Connection: what it quotes is no option for mungo", quoted_option),
    ("server", "differ", "HTTP/1.0 that stays open: h11 always closes", old),
    ("client", "mungo", "HTTP/2.0 and the like, in the form of HTTP/1", VERSION),
    ("client", "mungo", "a chunk of 16 to 20 digits", LARGE_CHUNK),
    ("client", "mungo", "a length of 19 or 20 digits", LARGE_LENGTH),
    ("client", "mungo", "a control character in a chunk's extension", CONTROLS_IN_EXTENSION),
    ("client", "h11", "empty lines in front of the response", EMPTY_LINES),
    ("client", "h11", "blanks in the status line", BLANKS_IN_STATUS_LINE),
    ("client", "h11", "blanks in front of a colon", fits(rb"(?m)^[!#-'*+.^-z|~0-9A-Z-]+[ \t\x00-\x1f\x7f]+:")),
    ("client", "h11", "a NUL, a vertical tab, a form feed or a CR alone: a space", NUL_OR_BLANK),
    ("client", "h11", "a control character beside a length or a coding", lambda frame: CONTROLS(b",".join(framing_of(frame)))),
    ("client", "h11", "LF alone behind a chunk or its size", LF_ALONE),
    ("client", "h11", "blanks at the start of the first field: the line is ignored", fits(rb"^[\r\n]*[^\n]*\n[ \t]")),
    ("client", "h11", "empty members of the list of codings or lengths", empty_members),
    ("client", "h11", "a line of a trailer that is no field, or about the framing", bad_trailer),
    ("client", "h11", "blanks in front of a chunk's extension", BLANK_BEFORE_EXTENSION),
    ("client", "h11", "more than 20 digits, zeros in front", ZEROS),
    ("client", "h11", "the coding identity, of older RFCs", lambda frame: IDENTITY(b",".join(lines_of(frame, b"transfer-encoding")))),
    ("client", "h11", "lengths and codings of an interim response, 204 and 304", no_content),
    ("client", "h11", "lengths and codings of a response to HEAD", lambda frame: bool(framing_of(frame))),  # (see `explain`)
    ("client", "differ", "a length and a coding, or a coding in HTTP/1.0: mungo closes", is_coded),
    ("client", "differ", "a quote in Connection: what it quotes is no option for mungo", quoted_option),
    ("client", "differ", "a control character beside close", lambda frame: CONTROLS(b",".join(lines_of(frame, b"connection")))),
    ("client", "differ", "HTTP/1.0 that stays open: h11 always closes", old),
]


def explain(side, data, ours, theirs, is_head):
    """The reason why these outcomes differ, as "who: what"; None if there is none."""
    if ours.kind == theirs.kind:
        if (ours.message, ours.used) != (theirs.message, theirs.used):
            return None
        who = "differ"
        frame = frame_of(data[: ours.used])
    else:
        if "bad" not in (ours.kind, theirs.kind):
            return None
        who = "mungo" if ours.kind == "bad" else "h11"
        frame = frame_of(data[: (theirs.used if who == "mungo" else ours.used) or len(data)])  # (all of it if one waits for more)
    for where, refuser, what, is_there in EXPLAINED:
        if where == side and refuser == who and (is_head or "to HEAD" not in what) and is_there(frame):
            return f"{who}: {what}"
    return None


# --- inputs


METHODS = [b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"CONNECT", b"get", b"X-Y"]
TARGETS = [b"/", b"/a?b=c", b"*", b"http://b/c", b"http://b", b"a:443", b"/a%20b", b"/\xc3\xbc", b"https://a/", b"//x", b"/a#b"]
NAMES = [b"X", b"Accept", b"Connection", b"Content-Length", b"Transfer-Encoding", b"Host", b"Expect", b"Upgrade", b"content-length"]
VALUES = [b"", b"a", b"close", b"keep-alive", b"5", b"3", b"chunked", b"Chunked", b"a, close", b"5, 5", b"100-continue", b"caf\xc3\xa9"]
VALUES += [b"005", b"identity", b"gzip", b"gzip, chunked", b", chunked", b"a:80", b"[::1]:80", b'"a, b"', b"upgrade", b"websocket"]
STATUSES = [b"200 OK", b"404 Not Found", b"204 No Content", b"304 Not Modified", b"100 Continue", b"103 X"]
STATUSES += [b"200", b"200 ", b"101 X", b"599 \xff"]
PIECES = [b"\r", b"\n", b"\r\n", b" ", b"\t", b":", b"\0", b"0", b"5", b"-", b",", b"\x7f", b"\xff", b"#", b";", b"\x0b", b"\r\n ", b"\x01"]
PIECES += [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: b\r\n", b"Expect: 100-continue\r\n"]
PIECES += [b"\r\n\r\n", b"0\r\n\r\n", b"00000005\r\n", b"0" * 25, b"9" * 19, b"f" * 16]
PIECES += [b"X: y\n", b"X : y\r\n", b" \r\n", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.9"]


def body(some, fields):
    """A body for these fields, most of the time."""
    kind = some.random()
    if kind < 0.4:
        return b""
    content = bytes(some.choice(b"abc\r\n0") for _ in range(some.randrange(9)))
    if kind < 0.7:
        fields.append((some.choice((b"Content-Length", b"content-length")), b"%d" % len(content)))
        return content
    fields.append((b"Transfer-Encoding", some.choice((b"chunked", b"chunked", b"CHUNKED", b", chunked"))))
    coded = b""
    while content:
        n = some.randrange(1, len(content) + 1)
        size = some.choice((b"%x", b"%X", b"%08x", b"%03x")) % n
        coded += size + some.choice((b"", b"", b"", b";a", b' ;a="b"', b" ")) + b"\r\n" + content[:n] + b"\r\n"
        content = content[n:]
    coded += some.choice((b"0", b"0", b"00000000", b"0;x")) + b"\r\n"
    if some.random() < 0.2:
        coded += some.choice((b"X: y\r\n", b"Host: a b\r\n", b"a: b\r\nc:\r\n", b"Content-Length: 9\r\n"))
    return coded + b"\r\n"


def fields_for(some, fields):
    for _ in range(some.choice((0, 0, 1, 1, 2, 3))):
        fields.append((some.choice(NAMES[:3] if some.random() < 0.7 else NAMES), some.choice(VALUES)))
    some.shuffle(fields)
    text = b""
    for name, value in fields:
        text += name + b":" + some.choice((b" ", b" ", b"", b"\t", b"  ")) + value + some.choice((b"", b"", b" ")) + b"\r\n"
    return text


def request(some):
    version = some.choice((b"1.1", b"1.1", b"1.1", b"1.0", b"1.9", b"2.0")) if some.random() < 0.4 else b"1.1"
    fields = [(b"Host", b"a")] if some.random() < 0.95 else []
    content = body(some, fields)
    method = some.choice(METHODS[:3] if some.random() < 0.8 else METHODS)
    target = some.choice(TARGETS[:2] if some.random() < 0.7 else TARGETS)
    return method + b" " + target + b" HTTP/" + version + b"\r\n" + fields_for(some, fields) + b"\r\n" + content


def response(some):
    fields = []
    content = body(some, fields)
    version = some.choice((b"1.1", b"1.1", b"1.1", b"1.0", b"1.2"))
    line = b"HTTP/" + version + b" " + some.choice(STATUSES[:1] if some.random() < 0.6 else STATUSES)
    return line + b"\r\n" + fields_for(some, fields) + b"\r\n" + content


def mutated(some, data):
    """These bytes with a few changes."""
    data = bytearray(data)
    for _ in range(some.choice((0, 0, 1, 1, 1, 2, 3))):
        at = some.randrange(len(data) + 1)
        kind = some.random()
        if kind < 0.5:
            data[at : at + some.randrange(3)] = some.choice(PIECES)
        elif kind < 0.6:
            data[at : at + 1] = bytes((some.randrange(256),))
        elif kind < 0.7:
            del data[at : at + some.randrange(1, 6)]
        elif kind < 0.8:
            to = some.randrange(len(data) + 1)
            data[at:at] = data[min(at, to) : max(at, to)][:60]
        elif kind < 0.9:
            data[:] = data.replace(b"\r\n", b"\n", some.randrange(1, 4))
        else:
            data[:] = data.replace(*some.choice(((b": ", b":\r\n "), (b": ", b" : "), (b"\r\n", b"\r\r\n"), (b" ", b"  "))), 1)
    return bytes(data)


def judge(side, data, is_head):
    """Compare what both say of these bytes, message by message: the reasons that explain it, and what nothing explains, or None."""
    reasons = []
    for _ in range(6):
        if not data:
            break
        if side == "server":
            ours, theirs = our_request(data), their_request(data)
            if ours.kind != theirs.kind and "more" in (ours.kind, theirs.kind):
                for suffix in SUFFIXES:  # one of them judges sooner than the other
                    ours, theirs = our_request(data + suffix), their_request(data + suffix)
                    if "more" not in (ours.kind, theirs.kind):
                        data += suffix
                        break
        else:
            ours, theirs = our_response(data, is_head), their_response(data, is_head)
        if ours != theirs:
            reason = explain(side, data, ours, theirs, is_head)
            if reason is None:
                return reasons, (side, is_head, data, ours, theirs)
            reasons.append(reason)
            break
        if ours.kind != "good" or not ours.goes_on:
            break
        data = data[ours.used :]
    return reasons, None


def inputs(side, seed, n):
    """`n` inputs, (bytes, whether the request was HEAD)."""
    some = random.Random(seed)
    make = request if side == "server" else response
    for _ in range(n):
        data = b"".join(make(some) for _ in range(some.choice((1, 1, 1, 2))))
        yield mutated(some, data), side == "client" and some.random() < 0.1


def run(side, seed, n):
    """Judge `n` inputs: ({reason: how often}, the differences that nothing explains)."""
    counts = {}
    unexplained = []
    for data, is_head in inputs(side, seed, n):
        reasons, difference = judge(side, data, is_head)
        for reason in reasons:
            counts[reason] = counts.get(reason, 0) + 1
        if difference:
            unexplained.append(difference)
    return counts, unexplained


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("sides", nargs="*", default=["server", "client"])
    given = parser.parse_args()
    status = 0
    for side in given.sides:
        start = time.monotonic()
        n = given.inputs // len(given.sides)
        counts, unexplained = run(side, given.seed, n)
        rate = n / (time.monotonic() - start)
        print(f"{side}: {n} inputs, {rate:.0f} a second, {sum(counts.values())} explained differences, {len(unexplained)} others")
        for reason, count in sorted(counts.items(), key=lambda item: -item[1]):
            print(f"{count:9}  {reason}")
        for _, is_head, data, ours, theirs in unexplained[:20]:
            print(f"\n{'HEAD ' if is_head else ''}{data!r}\n  mungo: {ours}\n  h11:   {theirs}")
        status = status or len(unexplained) > 0
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
