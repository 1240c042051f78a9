# firmware/portal.py and safe.py in a manager's loop, asked by a client.

import errno
import json

import aboard
import crash
import mungo
from app_client import Browser
from net import Client, listening
from portal import Portal
from safe import Safe

MIN_HEAP = "400k"

PROBES = (  # what systems ask for to see whether there is an Internet
    ("connectivitycheck.gstatic.com", "/generate_204"),  # Android
    ("www.google.com", "/gen_204"),
    ("captive.apple.com", "/hotspot-detect.html"),  # macOS, iOS
    ("www.apple.com", "/library/test/success.html"),
    ("www.msftconnecttest.com", "/connecttest.txt"),  # Windows
    ("www.msftncsi.com", "/ncsi.txt"),
    ("www.msftconnecttest.com", "/redirect"),
    ("detectportal.firefox.com", "/canonical.html"),  # Firefox
    ("detectportal.firefox.com", "/success.txt"),
    ("nmcheck.gnome.org", "/check_network_status.txt"),  # GNOME
    ("connectivity-check.ubuntu.com", "/"),
    ("192.168.4.2", "/"),
)


class Site:
    """`with Site(settings, message, wait_ms) as site`: a portal, its manager, and a client."""

    def __init__(self, settings=None, message="", wait_ms=None, networks=()):
        self.settings = settings
        self.args = (list(networks), message, wait_ms)

    def __enter__(self):
        self.folder = aboard.Folder()
        self.folder.__enter__()
        if self.settings:
            aboard.put("settings.json", self.settings)
        aboard.power_on()
        import config
        import portal

        portal.config = config  # pyright: ignore
        self.mgr = mungo.Manager()
        self.portal = None

        def attach(url):
            port = int(url.split(":")[2])
            it = Portal("127.0.0.1:%d" % port, *self.args)
            it.attach(self.mgr, "127.0.0.1", port, port)
            self.portal = it
            return it

        _, self.port = listening(attach)
        self.browser = Browser(self.mgr, self.port)
        self.host = "127.0.0.1:%d" % self.port
        return self

    def ask(self, path="/", method="GET", body=None, host=None, lines=""):
        """An Answer."""
        client = self.browser.client
        if body is not None:
            lines += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n" % len(body)
        client.send(("%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (method, path, host or self.host, lines)).encode() + (body or b""))
        return self.browser.answer(method)

    def save(self, body, lines=""):
        return self.ask("/save", "POST", body, lines=lines)

    def __exit__(self, *_):
        self.browser.close()
        self.mgr.close()
        self.folder.__exit__()


def test_whoever_asks_for_another_host_is_led_to_the_page():
    with Site() as site:
        for host, path in PROBES:
            for method in ("GET", "HEAD"):
                answer = site.ask(path, method, host=host)
                assert (answer.status, answer.field("location")) == (302, "http://%s/" % site.host), (host, path)
                assert answer.field("cache-control") == "no-store"
        answer = site.ask()
        assert answer.status == 200 and answer.field("content-type").startswith("text/html")
        assert b"<form" in answer.body and answer.field("cache-control") == "no-store"
        assert site.ask("/favicon.ico").status == 404


def test_names_and_pages_come_out_of_one_loop():
    import socket

    query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07captive\x05apple\x03com\x00\x00\x01\x00\x01"
    with Site() as site:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect(socket.getaddrinfo("127.0.0.1", site.port)[0][-1])
        sock.setblocking(False)
        sock.send(query)
        assert site.ask("/hotspot-detect.html", host="captive.apple.com").status == 302
        got = []

        def answered(client):
            try:
                got.append(sock.recv(600))
            except OSError as er:
                assert er.errno == errno.EAGAIN
            return got

        site.browser.client.until(answered)
        assert got[0].endswith(b"\x7f\x00\x00\x01")
        sock.close()


def test_without_its_file_the_page_is_a_plain_form():
    import pages

    real = pages.find
    pages.find = lambda name: None
    try:
        with Site() as site:
            body = site.ask().body
            assert b"name=ssid" in body and b"name=password" in body and b"action=/save" in body
    finally:
        pages.find = real


def test_the_list_tells_what_was_found_and_what_is_wrong():
    with Site('{"WIFI_SSID": "home"}', "home can't be reached.", networks=[("home", -40, True), ("caf\u00e9", -60, False)]) as site:
        found = json.loads(site.ask("/networks").body)
        assert found == {"networks": [["home", -40, True], ["caf\u00e9", -60, False]], "ssid": "home", "message": "home can't be reached."}
        assert "password" not in str(found).lower()


def test_saved_credentials_end_the_portal():
    with Site('{"APP": "hello"}') as site:
        answer = site.save(b"ssid=caf%C3%A9+1&password=pass%26word")
        assert answer.status == 200 and b"caf\xc3\xa9 1" in answer.body
        with open("settings.json") as file:
            assert json.loads(file.read()) == {"APP": "hello", "WIFI_SSID": "caf\u00e9 1", "WIFI_PASSWORD": "pass&word"}
        assert site.portal.event == "saved"
        assert site.mgr.running
        for timer in site.mgr.timers.all:
            timer.due = site.mgr.now
        site.mgr.poll(0)
        assert not site.mgr.running


def test_what_cannot_be_is_refused_and_nothing_is_saved():
    with Site('{"WIFI_SSID": "home"}') as site:
        for body, said in (
            (b"ssid=&password=12345678", b"which network"),
            (b"", b"which network"),
            (b"ssid=new&password=short", b"8 to 64 bytes"),
            (b"ssid=" + b"x" * 33, b"0 to 32 bytes"),
            (b"ssid=a%0Ab", b"must not be in it"),
            (b"ssid=%ff", b""),
        ):
            answer = site.save(body)
            assert answer.status == 400 and said in answer.body, (body, answer.body)
            assert b"short" not in answer.body
        assert site.portal.event is None
        with open("settings.json") as file:
            assert file.read() == '{"WIFI_SSID": "home"}'


def test_the_first_password_of_a_dashboard_is_asked_for_if_there_is_one():
    import sys

    with Site() as site:
        assert b'name="admin" type="password"' in site.ask().body
        answer = site.save(b"ssid=home&password=12345678&admin=short")
        assert answer.status == 400 and b"8 to 64 bytes" in answer.body and b"short" not in answer.body
        assert site.save(b"ssid=home&password=12345678&admin=rose+garden").status == 200
        with open("settings.json") as file:
            assert json.loads(file.read())["ADMIN_PASSWORD"] == "rose garden"
        assert "rose" not in str(site.ask().body) + str(site.ask("/networks").body)
    with Site() as site:
        assert site.save(b"ssid=home&password=12345678&admin=").status == 200
        with open("settings.json") as file:
            assert "ADMIN_PASSWORD" not in json.loads(file.read())
    real = sys.modules.pop("panel", None)
    sys.modules["panel"] = json  # none of the firmware's
    try:
        with Site() as site:
            body = site.ask().body
            assert b"admin" not in body and b"$more" not in body, body
    finally:
        del sys.modules["panel"]
        if real:
            sys.modules["panel"] = real


def test_other_sites_pages_cannot_save():
    with Site() as site:
        for origin in ("http://evil.example", "null", "https://" + site.host):
            assert site.save(b"ssid=evil", "Origin: %s\r\n" % origin).status == 403
        assert aboard.names() == []
        assert site.save(b"ssid=mine", "Origin: http://%s\r\n" % site.host).status == 200


def test_a_full_flash_is_told():
    import store

    def full(path, data):
        raise OSError(28)

    with Site() as site:
        real = store.write
        store.write = full
        try:
            answer = site.save(b"ssid=home")
        finally:
            store.write = real
        assert answer.status == 500 and b"28" in answer.body and site.portal.event is None


def test_the_portal_ends_when_nobody_comes():
    import portal

    with Site(wait_ms=300000) as site:
        with aboard.Clock(portal) as clock:
            site.portal.since = clock.now
            clock.now += 299000
            site.portal.tick(site.mgr)
            assert site.portal.event is None and site.mgr.running
            site.ask()  # somebody is there
            clock.now += 299000
            site.portal.tick(site.mgr)
            assert site.portal.event is None
            site.ask("/generate_204", host="www.google.com")  # a phone in somebody's pocket is nobody
            clock.now += 2000
            site.portal.tick(site.mgr)
            assert site.portal.event == "nobody came" and not site.mgr.running
    with Site() as site:
        with aboard.Clock(portal) as clock:
            clock.now += 100000000
            site.portal.tick(site.mgr)
            assert site.portal.event is None  # without credentials there is nothing else to do


def test_a_dozen_phones_are_served():
    with Site() as site:
        clients = [Client(site.mgr, site.port) for _ in range(12)]
        for i, client in enumerate(clients):
            host, path = PROBES[i % len(PROBES)]
            client.send(("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (path, host)).encode())
        for client in clients:
            assert client.until_has(b"\r\n\r\n").startswith(b"HTTP/1.1 302 ")
            client.close()


# --- safe mode's page


class Safely:
    def __enter__(self):
        self.folder = aboard.Folder()
        self.folder.__enter__()
        crash.log("<b>bold</b> & co")
        self.mgr = mungo.Manager()
        self.safe = Safe("hello")
        _, port = listening(lambda url: self.safe.app.attach(self.mgr, url))
        self.browser = Browser(self.mgr, port)
        return self

    def __exit__(self, *_):
        self.browser.close()
        self.mgr.close()
        self.folder.__exit__()


def test_safe_mode_shows_the_log():
    with Safely() as site:
        answer = site.browser.ask("/")
        assert answer.status == 200 and answer.field("content-type").startswith("text/html")
        assert b"&lt;b&gt;bold&lt;/b&gt; &amp; co" in answer.body and b"hello" in answer.body and b"<b>" not in answer.body


def test_safe_mode_starts_the_app_again_when_it_is_asked():
    with Safely() as site:
        assert site.browser.ask("/again").status == 405
        assert site.browser.ask("/again", "POST", "Origin: http://evil.example\r\n", b"").status == 403
        assert site.safe.event == "ended"
        assert site.browser.ask("/again", "POST", "Origin: http://a\r\n", b"").status == 200
        assert site.safe.event == "try again"
