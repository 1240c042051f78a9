# firmware/panel.py: what a board adds to its dashboard, with stand-ins for `machine`, `esp32`, `network` and the board's limits.

import json
import sys
import time

import aboard
import mungo.dash.passwords as passwords
from aboard import machine, network
from dashing import Page
from mungo.app import App
from mungo.dash import Dash
from mungo.dash.passwords import is_right

LANES = ("cpython", "upy", "upy-192k")
MIN_HEAP = "704k"

passwords.fit_rounds = lambda: 3


class Limits:
    """limits.py of a Pico W."""

    LED = "LED"
    LED_ON = 1
    NEOPIXEL = False


class Rp2:
    """`sys` of one."""

    platform = "rp2"


class Esp32:
    """`sys` of an ESP32, and its module `esp32`: older chips have `raw_temperature` alone."""

    platform = "esp32"

    @staticmethod
    def raw_temperature():
        return 122


class Newer(Esp32):
    @staticmethod
    def mcu_temperature():
        return 48


class Keeper:
    def __init__(self, station):
        self.station = station


class Board:
    """`with Board() as board`: a board with this `sys` and these limits, whose dashboard is `dash`. It is in the network "home"."""

    def __init__(self, sys=Rp2, limits=Limits, **settings):
        self.stubs = {"sys": sys, "esp32": sys, "limits": limits}
        self.settings = dict(settings, WIFI_SSID="home", WIFI_PASSWORD="password")

    def __enter__(self):
        self.folder = aboard.Folder()
        self.folder.__enter__()
        self.saved = {name: sys.modules.get(name) for name in self.stubs}
        network.board(self.stubs["sys"].platform)
        network.air["home"] = "password"
        for name in ("wifi", "panel", "keeper"):
            sys.modules.pop(name, None)
        aboard.put("settings.json", json.dumps(self.settings))
        aboard.power_on()
        import keeper
        import panel
        import wifi

        self.panel = panel
        self.station = wifi.Station("home", "password")
        for _ in range(5):
            self.station.look(time.ticks_ms())
        keeper.current = Keeper(self.station)  # pyright: ignore
        self.resets = []
        self.real_reset = machine.reset
        machine.reset = lambda: self.resets.append(1)  # pyright: ignore
        machine.levels.clear()
        del machine.sent[:]
        self.begin()
        return self

    def begin(self):
        """The program: also what follows a restart."""
        self.dash = Dash("Board", App(), folder="dash", www="www")
        sys.modules.update(self.stubs)
        try:
            self.panel.add(self.dash)
        finally:
            for name in self.stubs:
                if self.saved[name] is None:
                    del sys.modules[name]
                else:
                    sys.modules[name] = self.saved[name]
        self.dash.system()

    def __exit__(self, *_):
        machine.reset = self.real_reset
        self.folder.__exit__()


def kept():
    """What settings.json has."""
    with open("settings.json") as file:
        return json.loads(file.read())


def ran(page, id, values=None, **fields):
    """Run an action, and wait until it has ended with these fields."""
    assert page.tell(id=id, run=values or {}) == {"re": page.re}
    page.settle()
    found = page.widgets[id]
    assert found.get("progress") is None and {name: found.get(name) for name in fields} == fields, found


def test_the_lamp_is_the_board_s_led():
    class Inverse(Limits):
        LED = 8
        LED_ON = 0

    class Coloured(Limits):
        LED = 48
        NEOPIXEL = True

    for limits, on, off in ((Limits, {"LED": 1}, {"LED": 0}), (Inverse, {8: 0}, {8: 1})):
        with Board(limits=limits) as board:
            with board.dash.app.test_client() as client:
                page = Page(client)
                assert page.tell(id="lamp", value=True) == {"re": 1} and machine.levels == on
                page.wait("lamp", value=True)
                assert page.tell(id="lamp", value=False) == {"re": 2} and machine.levels == off
    with Board(limits=Coloured) as board:
        with board.dash.app.test_client() as client:
            for value in (True, False):
                assert client.put("/api/values/lamp", json={"value": value}).status == 200
            assert [(pin, data) for pin, _, _, data in machine.sent] == [(48, b"\x14\x14\x14"), (48, b"\0\0\0")] and not machine.levels


def test_the_temperature_is_the_chip_s():
    # 14000 of 65535 are 0.70497 V, and 0.706 V are 27 degrees, each more 1.721 mV less (RP2040 datasheet section 4.9.5). 122 F are 50 C.
    for board_sys, degrees in ((Rp2, 27.6), (Esp32, 50.0), (Newer, 48.0)):
        with Board(board_sys) as board:
            with board.dash.app.test_client() as client:
                page = Page(client)
                page.wait("temperature", value=degrees)
                found = page.widgets["temperature"]
                assert found["unit"] == "\u00b0C" and found["page"] == "" and found["history"] == 120
                assert len(page.tell(id="temperature", get="history")["history"]) >= 1


def test_a_port_without_a_thermometer_has_no_temperature():
    class Unix:
        platform = "linux"

    with Board(Unix) as board:
        assert "temperature" not in board.dash.by_id and "lamp" in board.dash.by_id


def test_the_network_and_its_signal():
    with Board() as board:
        with board.dash.app.test_client() as client:
            page = Page(client)
            page.wait("network", value="home")
            page.wait("address", value="10.0.0.7")
            page.wait("signal", value=-55)
            assert page.widgets["signal"]["unit"] == "dBm" and page.widgets["network"]["page"] == "Device"
            answer = page.tell(id="join_a_network", run={"ssid": "work", "password": "another password"})
            assert "error" not in answer and "comes back to home" in page.settle().widgets["join_a_network"]["value"]
            ran(page, "join_a_network", {"ssid": "", "password": "another password"}, error="ValueError: which network?")
            assert kept()["WIFI_SSID"] == "home"
            del network.air["home"]
            board.station.look(time.ticks_ms())
            page.wait("network", value="home: not connected")


def test_the_clock_is_set_by_a_page_and_by_servers():
    with Board(NTP_HOST="pool.ntp.org") as board:
        with board.dash.app.test_client() as client:
            page = Page(client)
            field = page.widgets["set_the_time"]["fields"][0]
            assert (field["kind"], field["step"]) == ("time", 1)
            del machine.RTC.times[:]
            for wrong in (1000000000, 1764528000.5, "2025-11-30", None):
                assert page.tell(id="set_the_time", run={"time": wrong})["status"] == 422, wrong
            assert not machine.RTC.times
            ran(page, "set_the_time", {"time": 1764528000}, value="The clock is set.")
            assert machine.RTC.times == [(2025, 11, 30, 6, 18, 40, 0, 0)], machine.RTC.times
            while page.widgets["clock"]["value"] is None:
                page.read()
            year = page.widgets["clock"]["value"][:4]
            assert year == "%d" % time.gmtime()[0] or year == "not ", page.widgets["clock"]
            assert page.widgets["time_servers"]["fields"][0]["value"] == "pool.ntp.org"
            ran(page, "time_servers", {"hosts": "10.0.0.1"})
            assert kept()["NTP_HOST"] == "10.0.0.1" and kept()["WIFI_SSID"] == "home"
            ran(page, "time_servers", {"hosts": ""})
            assert kept()["NTP_HOST"] == ""


def test_crashes_are_a_table():
    import crash

    with Board() as board:
        crash.log("<b>first</b>\nsecond")
        with board.dash.app.test_client() as client:
            answer = Page(client).tell(id="crashes", get="rows", at=0, n=5)
            assert ["<b>first</b>"] in answer["rows"] and answer["total"] >= 2, answer


def test_a_restart_comes_after_its_answer():
    with Board() as board:
        with board.dash.app.test_client() as client:
            page = Page(client)
            assert page.widgets["restart"]["confirm"] == "Restart the device?" and page.widgets["restart"]["level"] == "admin"
            before = len(client.mgr.timers.all)
            ran(page, "restart", value="restarting")
            assert not board.resets and len(client.mgr.timers.all) == before + 1
            for timer in client.mgr.timers.all:
                timer.due = client.mgr.now
            page.settle()
            assert board.resets == [1]


def test_the_password_that_was_given_in_the_portal_is_the_first_one():
    with Board(ADMIN_PASSWORD="rose garden") as board:
        assert "ADMIN_PASSWORD" not in kept() or kept()["ADMIN_PASSWORD"] == ""
        for name in aboard.names():
            if name != "dash":
                with open(name) as file:
                    assert "rose" not in file.read(), name
        assert not board.dash.is_open and is_right("rose garden", board.dash.users.known["admin"][1])
        with board.dash.app.test_client() as client:
            assert client.get("/api/values").status == 401
            answer = client.post("/api/login", json={"user": "admin", "password": "rose garden"})
            assert answer.status == 200 and answer.json["level"] == "admin"
        # Whoever is at the portal later can't replace it.
        aboard.put("settings.json", json.dumps(dict(kept(), ADMIN_PASSWORD="tulip garden")))
        aboard.power_on()
        board.begin()
        assert is_right("rose garden", board.dash.users.known["admin"][1]) and not kept()["ADMIN_PASSWORD"]
    with Board() as board:
        assert board.dash.is_open
