# firmware/panel.py: a board goes to another Wi-Fi, and comes back if that fails.

import json
import sys
import time

import aboard
from aboard import network
from raising import refused

MIN_HEAP = "192k"

clock = [time.ticks_ms()]


class Timers:
    """In the place of a manager: its one timer, which the test calls."""

    fn = None

    def timer(self, ms, fn, arg=None, repeat=False):
        assert ms == 1000 and repeat
        self.fn = fn
        return self

    def cancel(self):
        self.fn = None


def each_board(test):
    def run():
        for name in ("esp32", "rp2"):
            print("board:", name)
            with aboard.Folder():
                network.board(name)
                for module in ("wifi", "panel"):
                    sys.modules.pop(module, None)
                aboard.put("settings.json", json.dumps({"WIFI_SSID": "home", "WIFI_PASSWORD": "password"}))
                aboard.power_on()
                import panel
                import wifi

                network.air["home"] = "password"
                station = wifi.Station("home", "password")
                seconds(station, Timers(), 5)
                assert station.is_connected
                test(panel, station)

    return run


def seconds(station, timers, n):
    """So many seconds of the keeper and of the timer."""
    for _ in range(n):
        clock[0] += 1000
        station.look(clock[0])
        if timers.fn is not None:
            timers.fn(None)


def kept():
    with open("settings.json") as file:
        return json.loads(file.read())["WIFI_SSID"]


@each_board
def test_a_network_that_is_joined_is_kept(panel, station):
    timers = Timers()
    network.air["work"] = "another password"
    panel.Move(timers, station, "work", "another password")
    assert station.is_connected and kept() == "home"  # the answer goes out first
    seconds(station, timers, 10)
    assert station.is_connected and station.ssid == "work" and timers.fn is None
    assert kept() == "work"


@each_board
def test_a_network_that_fails_is_given_up_for_the_old_one(panel, station):
    for ssid, password in (("nowhere", ""), ("work", "wrong password")):
        timers = Timers()
        network.air["work"] = "another password"
        panel.Move(timers, station, ssid, password)
        seconds(station, timers, 20)
        assert not station.is_connected and kept() == "home"
        seconds(station, timers, 60)
        assert station.is_connected and station.ssid == "home" and timers.fn is None
        assert kept() == "home"


@each_board
def test_what_is_no_network_changes_nothing(panel, station):
    timers = Timers()
    for ssid, password in (("", "long enough"), ("x" * 33, ""), ("work", "short"), ("work", "x" * 65), ("a\nb", "")):
        refused(panel.Move, timers, station, ssid, password)
    assert timers.fn is None and station.is_connected
