# For tests of mungo.dash: a dashboard in a folder of its own, and a page as its script sees it.

import json
import os
import time

from mungo.app import App
from mungo.dash import Dash

JSON = {"Content-Type": "application/json"}


class Place:
    """`with Place() as place`: a folder `place.root`, gone at the end with its files. `place.dash(app)` makes a Dash that keeps its files
    there."""

    def __init__(self):
        self.root = "/tmp/mungo-dash-%d-%d" % (time.time(), time.ticks_us())
        os.mkdir(self.root)

    def dash(self, **options):
        return Dash("Test", App(), folder=self.root + "/dash", **options)

    def text(self, name):
        with open(self.root + "/" + name) as file:
            return file.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        remove(self.root)


def remove(path):
    for name, kind, *_ in list(os.ilistdir(path)):
        if kind & 0x4000:
            remove(path + "/" + name)
        else:
            os.remove(path + "/" + name)
    os.rmdir(path)


class Page:
    """An open page: it merges what its WebSocket gets into `widgets`, and checks that no change is missing."""

    def __init__(self, client, headers=None):
        self.ws = client.websocket("/api/live", headers)
        self.widgets = {}
        self.state = {}
        self.seq = None
        self.patches = []
        self.patched = 0
        self.answers = {}
        self.is_whole = False
        self.re = 0
        while not self.is_whole:
            self.read()

    def read(self):
        """Take one message."""
        text = self.ws.receive()
        assert text is not None, self.ws.error
        message = json.loads(text)
        if "re" in message:
            self.answers[message["re"]] = message
            return
        if "state" in message:
            self.state = message["state"]
            self.widgets = {}
            self.is_whole = False
        for widget in message.get("widgets", ()):
            self.widgets[widget["id"]] = widget
        self.is_whole = self.is_whole or message.get("whole", False)
        if "changes" in message:
            assert message["since"] == self.seq, (message, self.seq)
            self.patches = self.patches[-3:] + [message]  # the last ones
            self.patched += 1
            for id in message["changes"]:
                for name in ("error", "progress"):
                    self.widgets[id].pop(name, None)
                self.widgets[id].update(message["changes"][id])
        self.seq = message.get("seq", self.seq)

    def tell(self, **message):
        """Send a message, and return its answer."""
        self.re += 1
        message["re"] = self.re
        self.ws.send(json.dumps(message))
        while self.re not in self.answers:
            self.read()
        return self.answers.pop(self.re)

    def wait(self, id, **fields):
        """Read until a widget has these fields."""
        while [name for name in fields if self.widgets[id].get(name) != fields[name]]:
            self.read()

    def settle(self):
        """Read all that the device has for this page."""
        self.tell()
        self.tell()  # (an answer may overtake the changes of its own turn)
        return self
