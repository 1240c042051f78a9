"""Two phones with a dashboard, in days of 24 hours: see tools/soak/dash.py, and host_tests/test_dash.py.

The device is host_tests/servers/dash_board.py. A day is a list of hours for each phone: what its owner does then. At the end of each hour
both phones wait for each other, and all that is open shows what the device has.
"""

import contextlib
import gzip
import http.client
import json
import random
import re
import threading
import time

from websockets.sync.client import connect

WAIT_S = 60


class Lost(Exception):
    """Something was lost, or is wrong."""


class Page:
    """A page as its script sees it: `widgets` are up to date with what was read, `bytes` is how much that was."""

    def __init__(self, port):
        self.connection = connect(f"ws://127.0.0.1:{port}/api/live", compression=None, open_timeout=WAIT_S)
        self.ws = self.connection.__enter__()
        self.widgets = {}
        self.seq = None
        self.bytes = 0
        self.re = 0
        self.answers = {}
        message = {}
        while "whole" not in message:
            message = self.read()

    def read(self, wait_s=WAIT_S):
        """Take one message. Raises TimeoutError if none comes."""
        text = self.ws.recv(wait_s)
        self.bytes += len(text.encode()) + 4
        message = json.loads(text)
        if "re" in message:
            self.answers[message["re"]] = message
            return message
        if "state" in message:
            self.state = message["state"]
        for widget in message.get("widgets", ()):
            self.widgets[widget["id"]] = widget
        if "changes" in message:
            if message["since"] != self.seq:
                raise Lost(f"the page knows {self.seq}, and got what has changed since {message['since']}")
            for id, change in message["changes"].items():
                widget = self.widgets[id]
                if "lines" in change:
                    change["lines"] = widget["lines"] + [line for line in change["lines"] if line not in widget["lines"]]
                for name in ("error", "progress"):
                    widget.pop(name, None)
                widget.update(change)
        self.seq = message.get("seq", self.seq)
        return message

    def tell(self, **message):
        """Send a message, and return its answer."""
        self.re += 1
        self.ws.send(json.dumps({"re": self.re, **message}))
        while self.re not in self.answers:
            self.read()
        return self.answers.pop(self.re)

    def wait(self, id, **fields):
        """Read until the widget has these fields."""
        while any(self.widgets[id].get(name) != value for name, value in fields.items()):
            self.read()

    def close(self):
        """Leave, as a page that is closed."""
        self.connection.__exit__(None, None, None)

    def vanish(self):
        """Leave, as a phone whose network is gone: there is no goodbye."""
        self.ws.socket.close()


def ask(port, method, path, body=None, **fields):
    """(status, what the body says as JSON)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    with contextlib.closing(connection):
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, path, data, headers)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text


# From which hour on the owner does what: the name of a method of Phone. Up to the first hour it is night.
ANNA = {6: "look", 7: "switch", 8: "night", 12: "water", 13: "vanish", 14: "plots", 17: "tables", 18: "settings", 20: "drag", 22: "night"}
BEN = {7: "script", 8: "switch", 10: "night", 12: "water", 14: "vanish", 15: "files", 18: "drag", 19: "settings", 20: "drag", 23: "night"}


class Phone(threading.Thread):
    """A phone, for so many days: in each hour it does `steps` things, with `pause_s` between two on average.

    `own` is the name of the file and of the setting that this phone alone changes. `until()` says whether there is another day.
    """

    def __init__(self, days, plan, own, seed):
        super().__init__(daemon=True)
        self.days = days
        self.plan = plan
        self.own = own
        self.rng = random.Random(seed)
        self.page = None
        self.kept = {}  # what this phone alone has set: it must be there in the evening
        self.file = None

    def run(self):
        try:
            while self.days.is_on:
                for hour in range(24):
                    what = self.plan.get(max((h for h in self.plan if h <= hour), default=None), "night")
                    for _ in range(self.days.steps):
                        getattr(self, what)()
                        self.pause()
                    self.compare()
                    self.days.evening.wait(WAIT_S)
        except Exception as er:
            self.days.failures.append(f"{self.own}: {er!r}")
            self.days.evening.abort()

    def pause(self):
        """Think for a while; the page is live meanwhile."""
        left = self.rng.expovariate(1 / self.days.pause_s) if self.days.pause_s else 0
        end = time.monotonic() + left
        while (left := end - time.monotonic()) > 0:
            if self.page is None:
                time.sleep(left)
            else:
                with contextlib.suppress(TimeoutError):
                    self.page.read(left)

    def opened(self):
        """The page, which is opened if it is not."""
        if self.page is None:
            script = re.search(rb"/dash/dash-\w+\.js", gzip.decompress(self.get("/")))[0].decode()
            self.get(script)
            self.page = Page(self.days.port)
            self.days.count("pages")
        return self.page

    def get(self, path, method="GET", body=None, want=200):
        """Ask the device by HTTP."""
        status, answer = ask(self.days.port, method, path, body, Accept_Encoding="gzip")
        if status != want:
            raise Lost(f"{method} {path}: {status} {answer}")
        self.days.count("requests")
        return answer

    def tell(self, allowed=(), **message):
        """Have the page say this. True if the device has done it, False if it is refused with a status that is allowed."""
        answer = self.opened().tell(**message)
        self.days.count("messages")
        if "error" in answer and answer["status"] not in allowed:
            raise Lost(f"{message}: {answer}")
        return "error" not in answer

    def change(self, id, value):
        """Change what others change as well."""
        self.tell(id=id, value=value)

    def keep(self, id, value):
        """Change what nobody else changes."""
        self.change(id, value)
        self.kept[id] = value

    # --- what they do

    def night(self):
        if self.page is not None:
            self.page.close()
            self.page = None

    def look(self):
        self.opened()

    def switch(self):
        self.change("lamp", self.rng.random() < 0.5)

    def drag(self):
        for value in range(self.rng.randrange(50), 100, 7):
            self.change("level", value)

    def water(self):
        if self.tell(id="water", run={"minutes": self.rng.randrange(1, 61)}, allowed=(409, 503)):
            self.days.count("watered")

    def vanish(self):
        if self.rng.random() < 0.3:
            self.opened().vanish()
            self.page = None
        else:
            self.switch()

    def plots(self):
        for id in ("counter", "slow", "latency"):
            history = self.opened().tell(id=id, get="history")["history"]
            if len(history) > self.page.widgets[id]["history"]:
                raise Lost(f"{id}: {len(history)} samples")

    def tables(self):
        at = self.rng.randrange(90)
        answer = self.opened().tell(id="rows", get="rows", at=at, n=10)
        if answer["rows"] != [[n] for n in range(at, min(at + 10, 90))]:
            raise Lost(answer)
        self.tell(id="counters", get="rows", n=40)

    def settings(self):
        self.keep(self.own, self.rng.randrange(1, 100))
        if self.own == "threshold":
            self.keep("name", "n%d" % self.rng.randrange(1000))

    def script(self):
        self.get("/api/values")
        self.kept[self.own] = value = self.rng.randrange(1, 100)
        self.get(f"/api/values/{self.own}", "PUT", {"value": value})

    def files(self):
        self.file = self.rng.randbytes(self.rng.randrange(12000))
        path = f"/api/files/{self.own}.bin"
        self.get(path, "PUT", self.file, 201)
        if self.get(path) != self.file or not any(one["name"] == f"{self.own}.bin" for one in self.get("/api/files")["files"]):
            raise Lost("the file is another one")

    # --- the end of an hour

    def compare(self):
        """All is quiet: what this phone alone has set is there, and the page, if it is open, shows what the device has."""
        self.days.evening.wait(WAIT_S)
        values = self.get("/api/values")
        shown = {} if self.page is None else self.settled()
        for id, value in {**shown, **self.kept}.items():
            if values[id] != value:
                raise Lost(f"{id} is {values[id]!r}, and was {value!r}")

    def settled(self):
        """The values of controls in the page, and its log without a gap."""
        page = self.page
        page.tell()
        page.tell()  # (an answer may overtake the changes of its own turn)
        numbers = [line[0] for line in page.widgets["log"]["lines"]]
        if numbers and numbers != list(range(numbers[0], numbers[-1] + 1)):
            raise Lost(f"lines of the log: {numbers}")
        return {id: page.widgets[id]["value"] for id in ("lamp", "level", "name", "mode", "threshold", "other")}


class Days:
    """Days of two phones at the device on this port. `until(n)` says whether another day follows the n-th; each midnight, when nobody has a
    page open, `midnight(n)` is called."""

    def __init__(self, port, steps, pause_s, until, midnight, seed=0):
        self.port = port
        self.steps = steps
        self.pause_s = pause_s
        self.until = until
        self.midnight = midnight
        self.counts = dict.fromkeys(("days", "pages", "requests", "messages", "watered"), 0)
        self.lock = threading.Lock()
        self.failures = []
        self.is_on = True
        self.hour = 0
        self.evening = threading.Barrier(2, self.strike)
        self.phones = [Phone(self, ANNA, "threshold", f"anna {seed}"), Phone(self, BEN, "other", f"ben {seed}")]

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def strike(self):
        """Both phones are here: it is the middle or the end of the pause between two hours."""
        self.hour += 1
        if self.hour % 48 == 0:
            self.counts["days"] += 1
            self.midnight(self.counts["days"])
            self.is_on = self.until(self.counts["days"])

    def run(self):
        """Returns the failures, a list of texts. At the end all waterings are over, and none is missing."""
        for phone in self.phones:
            phone.start()
        for phone in self.phones:
            phone.join()
        if not self.failures:
            page = Page(self.port)
            page.wait("water", progress=None)
            page.close()
            done = ask(self.port, "GET", "/api/values/watered")[1]["value"]
            if done != self.counts["watered"]:
                self.failures.append(f"{self.counts['watered']} waterings were begun, and {done} have ended")
        return self.failures
