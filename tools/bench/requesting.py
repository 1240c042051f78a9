"""The requests, and the check of the answers."""

import json
import random

POOL = 2048  # different heads; a connection sends all of them before it repeats one
UPLOAD = bytes(range(256)) * 400  # 100 KB
FACTS = {"name": "greenhouse", "celsius": 21.5, "on": True, "list": [1, 2, 3, 4, 5, 6, 7, 8]}  # the same in servers/control.py

KINDS = {  # name: (path, body of the request, body of the answer: bytes, or an object for JSON)
    "hello": ("/", b"", b"hi\n"),
    "work": ("/work", b"", b"hi\n"),  # a thread answers
    "json": ("/json", b"", FACTS),
    "10k": ("/10k", b"", b"0123456789abcdef" * 640),
    "100k": ("/100k", b"", b"0123456789abcdef" * 6400),
    "upload": ("/upload", UPLOAD, b"%d\n" % len(UPLOAD)),
}


def heads(close=False, count=POOL, path="/", body=b""):
    """A list of `count` different requests as a browser sends them: 11 headers, about 500 bytes each; POST if there is a body.

    The host, the encodings and the connection header are the same each time, as a browser's are.
    """
    rnd = random.Random(1)
    types = ["text/html", "application/xhtml+xml", "application/xml;q=0.9", "image/avif", "image/webp", "*/*;q=0.8"]
    made = []
    for n in range(count):
        rnd.shuffle(types)
        lines = (
            "%s %s?n=%d HTTP/1.1" % ("POST" if body else "GET", path, n * 7919 % 100_000),
            "Host: 192.168.4.1:8000",
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/%d.%d"
            % (rnd.randrange(90, 140), rnd.randrange(90, 140), rnd.randrange(100)),
            "Accept: " + ",".join(types),
            "Accept-Language: de-CH,de;q=0.%d,en;q=0.%d" % (rnd.randrange(6, 10), rnd.randrange(1, 6)),
            "Accept-Encoding: gzip, deflate",
            "Connection: " + ("close" if close else "keep-alive"),
            "Referer: http://192.168.4.1:8000/page/%d" % rnd.randrange(10, 100_000),
            "Cookie: sid=%032x; theme=dark" % rnd.getrandbits(128),
            "Upgrade-Insecure-Requests: 1",
            'If-None-Match: "%016x"' % rnd.getrandbits(64),
            "Cache-Control: max-age=%d" % rnd.randrange(1000),
        )
        lines += ("Content-Type: application/octet-stream", "Content-Length: %d" % len(body)) if body else ()
        made.append("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    assert count == len(set(made))
    return made


def blocks(kind, close, count=POOL):
    """A list of requests of this kind; at most 64 if they have a body, because the body is part of each."""
    path, body, _ = KINDS[kind]
    return heads(close, min(count, 64) if body else count, path, body)


def plain(path, close=False):
    """A GET for a path, without a query."""
    return heads(close, 1, path)[0].replace(b"?n=0", b"")


def is_right(kind, body):
    """Whether this is the right body of the answer."""
    wanted = KINDS[kind][2]
    if isinstance(wanted, bytes):
        return body == wanted
    try:
        return json.loads(body) == wanted
    except ValueError:
        return False


def complete(kind, data):
    """The length of the answer at the start of `data`; 0 if it is not complete. Raises ValueError if the answer is wrong."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return 0
    lines = data[:end].split(b"\r\n")
    words = lines[0].split(b" ", 2)
    if len(words) < 2 or words[0] not in (b"HTTP/1.1", b"HTTP/1.0") or words[1] != b"200":
        raise ValueError("status")
    length = [line.split(b":", 1)[1] for line in lines[1:] if line.lower().startswith(b"content-length:")]
    if len(length) != 1:
        raise ValueError("no_length")
    total = end + 4 + int(length[0])
    if len(data) < total:
        return 0
    if not is_right(kind, data[end + 4 : total]):
        raise ValueError("body")
    return total
