# A client for tests of App: it asks, polls until the answer is whole, and takes it apart.

import mungo
from net import Client, listening


class Answer:
    """`status`, `fields` (a list of (name in lower case, value), without Date), `dates` (the values of that, which all answers of a server
    with a clock have), `body` (bytes, of its chunks), `chunks` (None if it has a length)."""

    def __init__(self, head, body, chunks):
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        fields = [(line.split(": ", 1)[0].lower(), line.split(": ", 1)[1]) for line in lines[1:]]
        self.fields = [pair for pair in fields if pair[0] != "date"]
        self.dates = [value for name, value in fields if name == "date"]
        self.body = body
        self.chunks = chunks

    def field(self, name):
        """The value of the only field of this name, or None."""
        values = [value for known, value in self.fields if known == name]
        assert len(values) < 2, self.fields
        return values[0] if values else None


class Browser:
    """A kept-alive connection."""

    def __init__(self, mgr, port):
        self.mgr = mgr
        self.client = Client(mgr, port)

    def send(self, target="/", method="GET", lines="", body=None):
        if body is not None:
            lines += "Content-Length: %d\r\n" % len(body)
        self.client.send(("%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (method, target, lines)).encode() + (body or b""))

    def ask(self, target="/", method="GET", lines="", body=None):
        """The Answer to this."""
        self.send(target, method, lines, body)
        return self.answer(method)

    def answer(self, method="GET"):
        found = []

        def whole(client):
            found[:] = [split(client.got, method)]
            return found[0] is not None

        self.client.until(whole)
        answer, rest = found[0]
        self.client.got = rest
        return answer

    def close(self):
        self.client.close()


def split(data, method="GET"):
    """The first Answer of what a server has sent, and the rest; None if it is not whole."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    answer = Answer(data[:end], b"", None)
    data = data[end + 4 :]
    if method == "HEAD" or answer.status in (204, 304):
        return answer, data
    if answer.field("transfer-encoding") != "chunked":
        n = int(answer.field("content-length"))
        answer.body = data[:n]
        return (answer, data[n:]) if len(data) >= n else None
    answer.chunks = []
    while True:
        at = data.find(b"\r\n")
        if at < 0:
            return None
        n = int(data[:at], 16)
        if len(data) < at + n + 4:
            return None
        if not n:
            answer.body = b"".join(answer.chunks)
            return answer, data[at + 4 :]
        answer.chunks.append(data[at + 2 : at + 2 + n])
        data = data[at + 4 + n :]


class Served:
    """`with Served(app, **limits) as site`: a manager with this App; `site.ask(..)` asks over one connection."""

    def __init__(self, app, **limits):
        self.mgr = mungo.Manager(**limits)
        _, self.port = listening(lambda url: app.attach(self.mgr, url))
        self.browsers = []
        self.mine = None

    def browser(self):
        browser = Browser(self.mgr, self.port)
        self.browsers.append(browser)
        return browser

    def ask(self, *args, **kwargs):
        if self.mine is None or self.mine.client.ended:
            self.mine = self.browser()
        return self.mine.ask(*args, **kwargs)

    @property
    def bugs(self):
        return self.mgr.stats["bugs"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for browser in self.browsers:
            browser.close()
        assert self.mgr.close(5000)
