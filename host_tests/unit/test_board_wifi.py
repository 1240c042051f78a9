# firmware/wifi.py with the radio's stand-in, as both boards have it.

import sys

from aboard import network

MIN_HEAP = "192k"


def each_board(test):
    def run():
        for name in ("esp32", "rp2"):
            print("board:", name)
            network.board(name)
            sys.modules.pop("wifi", None)
            import wifi

            test(wifi)

    return run


class Looks:
    """A station, looked at each 100 ms of a clock of its own; `until(event)` returns after how many ms, and `events` is all."""

    def __init__(self, wifi, ssid="home", password="password"):
        self.station = wifi.Station(ssid, password)
        self.now = 5000
        self.events = []

    def until(self, event, most=120000):
        start = self.now
        while True:
            found = self.station.look(self.now)
            if found is not None:
                self.events.append(found)
                if found == event:
                    return self.now - start
            self.now += 100
            assert self.now - start <= most, (event, self.events)


def connects():
    return [entry for entry in network.log if entry[1] == "connect"]


@each_board
def test_it_joins_a_network(wifi):
    network.air["home"] = "password"
    network.steps = 5
    looks = Looks(wifi)
    assert looks.until("connected") > 0
    assert looks.events == ["connected"]
    assert connects() == [("sta", "connect", "home", "password")]
    # The radio does not sleep while the board serves, and was reset before it was used.
    assert ("sta", "pm", network.WLAN.PM_NONE) in network.log
    assert network.log[:2] == [("sta", "active", False), ("sta", "active", True)]
    assert looks.station.look(looks.now) is None


@each_board
def test_an_open_network_needs_no_password(wifi):
    network.air["open"] = ""
    assert Looks(wifi, "open", "").until("connected") >= 0
    assert connects() == [("sta", "connect", "open", None)]


@each_board
def test_a_wrong_password_is_told_from_a_network_that_is_not_there(wifi):
    looks = Looks(wifi, "home", "wrong password")
    looks.until("failed")
    network.air["home"] = "password"
    looks.until("refused")
    assert looks.events == ["failed", "refused"]
    assert (looks.station.fails, looks.station.refusals) == (2, 1)
    looks.station.password = "password"
    looks.until("connected")
    assert (looks.station.fails, looks.station.refusals) == (0, 0)


@each_board
def test_pauses_grow_up_to_a_minute(wifi):
    looks = Looks(wifi)
    looks.until("failed")
    gaps = [looks.until("failed") for _ in range(8)]
    # Each is the pause and the try, some tenths of a second.
    for gap, pause in zip(gaps, [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]):
        assert pause <= gap <= pause + 500, gaps
    assert len(connects()) == 9


@each_board
def test_a_try_that_never_ends_has_failed(wifi):
    network.air["home"] = "password"
    network.steps = 100000
    looks = Looks(wifi)
    assert 19000 < looks.until("failed") < 21000
    network.steps = 1
    looks.until("connected")


@each_board
def test_a_lost_network_is_joined_again_at_once(wifi):
    network.air["home"] = "password"
    looks = Looks(wifi)
    looks.until("connected")
    del network.air["home"]
    assert looks.until("lost") == 0
    looks.until("failed")
    network.air["home"] = "password"
    looks.until("connected")
    assert looks.events == ["connected", "lost", "failed", "connected"]


@each_board
def test_the_radio_s_own_trouble_is_a_try_that_failed(wifi):
    network.air["home"] = "password"
    looks = Looks(wifi)
    looks.station.wlan.active(False)  # then connect raises OSError
    looks.until("failed")
    looks.station.wlan.active(True)
    looks.until("connected")


@each_board
def test_an_access_point_is_what_was_said(wifi):
    for password in ("", "pass word"):
        network.board("rp2" if network.STAT_CONNECTING == 1 else "esp32")
        ap = wifi.access_point("mungo-setup", password)
        seen = ap.radio.on_air
        assert ap.active() and seen["ssid"] == "mungo-setup"
        assert (seen["security"] == 0) == (not password)
        if password:
            assert seen["key"] == password


@each_board
def test_the_list_of_networks(wifi):
    network.air["near"] = "password"
    network.air["open"] = ""
    network.air[b"\xff\xfe"] = ""  # no text: left out
    found = wifi.scan()
    assert sorted(found) == [("near", found[[one[0] for one in found].index("near")][1], True),
                             ("open", found[[one[0] for one in found].index("open")][1], False)]  # fmt: skip
    assert found[0][1] > found[1][1]
    assert not network.WLAN(network.STA_IF).active()


@each_board
def test_country_and_hostname(wifi):
    wifi.prepare("DE", "lamp")
    assert (network.country(), network.hostname()) == ("DE", "lamp")
    wifi.prepare("", "lamp-2")
    assert (network.country(), network.hostname()) == ("DE", "lamp-2")
    network.country("XX")
    wifi.prepare("UK", "lamp-2")  # there is no such country: ESP32 says so, and RP2 takes it
    assert network.country() in ("XX", "UK")
    network.country("DE")
    assert (network.country(), network.hostname()) == ("DE", "lamp-2")
