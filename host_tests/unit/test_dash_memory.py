# The heap is full, as in test_no_memory.py, while pages and scripts use a dashboard. Whatever fails: each question is answered, or its
# connection ends; the value is the old one or the new one, in the program, in the file and in each page that comes later.

import json
import os

import mungo
import test_no_memory
from dashing import Place
from mungo.dash import Dash
from net import Client
from test_no_memory import UPGRADE, Asked, Case, each_number

LANES = ("upy-192k",)
MIN_HEAP = "768k"

test_no_memory.SINGLES = 2000
test_no_memory._held = [None] * 6000


def frame(text):
    """A client's frame with a short text."""
    data = text.encode()
    assert len(data) < 126
    return bytes((0x81, 0x80 | len(data), 0, 0, 0, 0)) + data


class Dashed(Asked):
    """A script asks: `request`."""

    def __init__(self, place):
        self.place = place
        Asked.__init__(self)

    def listen(self, url):
        self.app = app = mungo.App()
        self.dash = Dash("Test", app, path="/panel", folder=self.place.root + "/dash")
        app.get("/")(lambda req: "hi\n")
        self.lamp = self.dash.switch("Lamp")
        self.speed = self.dash.setting("speed", 1, max=1000000)
        self.dash.log().add("begun")
        self.dash.action("Work")(lambda job: "done")
        return app.attach(self.mgr, url)

    def is_answered(self, got):
        return b"}" in got or b" 500 " in got or b" 503 " in got

    def is_at_rest(self):
        return Case.is_at_rest(self) and not self.dash.clients

    def works(self):
        """Another page gets the full state, with the values that the program has; what it asks is done."""
        Asked.works(self)
        self.speed.value += 1
        self.mgr.poll(0)
        client = Client(self.mgr, self.url, UPGRADE % b"/api/live")
        client.until_has(b'"whole": true')
        client.send(frame('{"re": 1, "id": "lamp", "value": false}'))
        client.until_has(b'{"re": 1}')
        client.close()
        assert self.lamp.value is False
        with open(self.place.root + "/dash/settings.json") as file:
            assert json.load(file) == self.dash.settings == {"speed": self.speed.value}
        assert "settings.json.new" not in os.listdir(self.place.root + "/dash")


class Shown(Dashed):
    """An open page asks."""

    def prepare(self):
        self.client = Client(self.mgr, self.url, UPGRADE % b"/api/live")
        self.client.until_has(b'"whole": true')
        self.client.got = b""
        self.client.send(frame(self.request))

    def is_answered(self, got):
        return b'"re": 7' in got


def each_one(kind, request, is_rare=False):
    if is_rare and not os.getenv("THOROUGH"):
        return
    with Place() as place:

        def make():
            case = kind(place)
            case.request = request
            return case

        each_number(make)


def put(path, text, method="PUT"):
    return b"%s %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (method, path, len(text), text)


def test_a_script_reads_all():
    each_one(Dashed, b"GET /api/state HTTP/1.1\r\nHost: a\r\n\r\n", is_rare=True)


def test_a_script_sets_a_value():
    each_one(Dashed, put("/api/values/lamp", '{"value": true}'), is_rare=True)


def test_a_script_changes_a_setting():
    each_one(Dashed, put("/api/values/speed", '{"value": 5}'))


def test_a_page_is_opened():
    each_one(Dashed, UPGRADE % b"/api/live")


def test_a_page_sets_a_value():
    each_one(Shown, '{"re": 7, "id": "lamp", "value": true}', is_rare=True)


def test_a_page_changes_a_setting():
    each_one(Shown, '{"re": 7, "id": "speed", "value": 6}')


def test_a_page_starts_an_action():
    each_one(Shown, '{"re": 7, "id": "work", "run": {}}', is_rare=True)
