# TLS between a server and a client of the same manager: the order of events, and what a client refuses. test_tls.py has real peers.

import hashlib
import sys

import mungo
import mungo.ws as ws
from mungo.app.cookies import set_cookie
from mungo.app.csrf import Csrf
from mungo.app.response import Response
from mungo.core.buffer import Buffer
from mungo.http.client import request
from mungo.http.parser import Request
from mungo.http.scan import request_table
from mungo.http.to_https import to_https
from mungo.tls.material import to_der
from net import free, listening
from raising import raised
from waiting import kinds, kinds_of, recorder, until

MIN_HEAP = "1M"
CERTIFICATES = True  # in build/certificates
FOLDER = "build/certificates/"


def cert_of(name):
    """What a Tls needs to show this certificate."""
    return {"cert": FOLDER + name + ".pem", "key": FOLDER + name + ".key"}


def content(name):
    with open(FOLDER + name, "rb") as file:
        return file.read()


def trusting(authority, **more):
    return mungo.Tls(ca=FOLDER + authority + ".pem", **more)


class Site:
    """An https server and its requests; `ask` has a client of the same manager ask it."""

    def __init__(self, cert="server", **limits):
        self.mgr = mungo.Manager(**limits)
        self.heads = 0
        self.kinds = []
        self.tls = mungo.Tls(**cert_of(cert))
        _, self.port = listening(lambda url: self.mgr.http_listen(url, self.serve, tls=self.tls), "https")

    def serve(self, c, ev, hm, _):
        if not c.is_listening:
            self.kinds.append(ev)
        if ev == mungo.EV_HTTP_HDRS:
            self.heads += 1
        elif ev == mungo.EV_HTTP_MSG:
            c.http_reply(200, {}, hm.body or hm.header("host"))

    def ask(self, tls, host="localhost", **options):
        """(the events of the client until its connection is closed, the response's body, its error)."""
        events = []
        found = [None, None]

        def handler(c, ev, hm, _):
            events.append(ev)
            if ev == mungo.EV_HTTP_MSG:
                found[0] = hm.body
                c.is_closing = True
            elif ev == mungo.EV_ERROR:
                found[1] = hm

        self.mgr.http_connect("https://%s:%d/" % (host, self.port), handler, tls=tls, **options)
        until(lambda: mungo.EV_CLOSE in events, self.mgr)
        until(lambda: len(self.mgr.conns) == 1, self.mgr)
        assert self.mgr.tls_open == 0
        return events, found[0], found[1]

    def close(self):
        assert self.mgr.close()


HAPPY = kinds_of("OPEN", "RESOLVE", "CONNECT", "TLS_HS", "HTTP_HDRS", "HTTP_MSG", "CLOSE")


def without_write(events):
    return [ev for ev in events if ev != mungo.EV_WRITE]


def test_events_of_both_sides_in_their_order():
    site = Site()
    events, body, error = site.ask(trusting("ca"))
    assert error is None and body == b"localhost:%d" % site.port
    assert without_write(events) == HAPPY, events
    assert without_write(site.kinds) == kinds_of("OPEN", "ACCEPT", "TLS_HS", "HTTP_HDRS", "HTTP_MSG", "READ", "CLOSE"), site.kinds
    site.close()


def test_bare_tls_and_its_cipher():
    mgr = mungo.Manager()
    ciphers = []
    events = []

    def echo(c, ev, data, _):
        if ev == mungo.EV_READ:
            assert c.cipher[1] == "TLSv1.2"  # data have come, though none were sent
            c.send(c.recv.read())

    def handler(c, ev, data, _):
        events.append(ev)
        if ev == mungo.EV_CONNECT:
            c.send(b"sent ")  # waits for the handshake
            ciphers.append(c.cipher)
        elif ev == mungo.EV_TLS_HS:
            c.send(b"in its time")
        elif ev == mungo.EV_READ and len(c.recv) == 16:
            assert c.recv.read() == b"sent in its time"
            ciphers.append(c.cipher)
            c.is_closing = True

    _, port = listening(lambda url: mgr.listen(url, echo, tls=mungo.Tls(**cert_of("server"))), "tls")
    c = mgr.connect("tls://127.0.0.1:%d" % port, handler, tls=trusting("ca"))
    assert c.is_connecting and c.is_tls
    until(lambda: mungo.EV_CLOSE in events, mgr)
    assert without_write(events)[:5] == kinds_of("OPEN", "RESOLVE", "CONNECT", "TLS_HS", "READ")
    assert ciphers[0] is None and ciphers[1][1] == "TLSv1.2"
    assert mgr.close() and mgr.tls_open == 0


def test_a_client_that_ends_after_its_handshake_is_no_failure():
    mgr = mungo.Manager()
    watched = len(mgr._socks)
    events = []

    def serve(c, ev, data, _):
        if not c.is_listening:
            events.append(ev)

    def leave(c, ev, data, _):
        if ev == mungo.EV_TLS_HS:
            c.is_closing = True

    _, port = listening(lambda url: mgr.listen(url, serve, tls=mungo.Tls(**cert_of("server"))), "tls")
    mgr.connect("tls://127.0.0.1:%d" % port, leave, tls=trusting("ca", name="localhost"))
    until(lambda: mungo.EV_CLOSE in events, mgr)
    assert events == kinds_of("OPEN", "ACCEPT", "TLS_HS", "CLOSE") and mgr.stats["failed"] == 0
    assert len(mgr.conns) == 1 and len(mgr._socks) == watched + 1  # the listener's is left
    assert mgr.close() and mgr.tls_open == 0


def refused(cert, tls, says, host="localhost"):
    """That a client refuses a server with this certificate, before a byte of its request is sent."""
    site = Site(cert)
    events, body, error = site.ask(tls, host)
    assert body is None and says in (error or ""), (cert, error)
    assert events == kinds_of("OPEN", "RESOLVE", "CONNECT", "ERROR", "CLOSE"), events
    assert site.heads == 0 and mungo.EV_TLS_HS not in site.kinds and mungo.EV_READ not in site.kinds
    assert site.mgr.stats["bugs"] == 0
    site.close()


def test_servers_that_are_not_to_be_trusted_get_no_byte_of_the_request():
    refused("server", trusting("other_ca"), "not correctly signed by the trusted CA")
    refused("self", trusting("ca"), "not correctly signed by the trusted CA")
    refused("expired", trusting("ca"), "expired")
    refused("future", trusting("ca"), "in the future")
    refused("named", trusting("ca"), "does not match")
    refused("server", trusting("ca", name="device.local"), "does not match")
    refused("server", mungo.Tls(pin=FOLDER + "named.pem"), "which is none of Tls(pin=..)")
    refused("server", mungo.Tls(pin=bytes(32)), "SHA-256")


def test_without_a_clock_the_error_names_the_way_out():
    room = sys.modules["mungo.tls.client"]
    real = room.gmtime
    room.gmtime = lambda: (2000, 1, 1, 0, 0, 0, 5, 1)
    try:
        refused(
            "server", trusting("ca"), "the clock is not set, so no certificate is valid: get the time by SNTP first, or use Tls(pin=..)"
        )
        site = Site()
        assert site.ask(mungo.Tls(pin=FOLDER + "server.pem"))[1]
        site.close()
    finally:
        room.gmtime = real


def test_what_a_client_may_trust():
    site = Site()
    digest = hashlib.sha256(to_der(content("server.pem"), "CERTIFICATE")[0]).digest()
    hex = "".join(["%02x" % byte for byte in digest])
    colons = ":".join([hex[at : at + 2].upper() for at in range(0, 64, 2)])
    for tls in (
        trusting("ca"),
        mungo.Tls(ca=content("ca.pem")),
        mungo.Tls(ca=content("ca.pem").decode()),
        mungo.Tls(ca=to_der(content("ca.pem"), "CERTIFICATE")[0]),
        mungo.Tls(ca=content("other_ca.pem") + content("ca.pem")),
        mungo.Tls(pin=FOLDER + "server.pem"),
        mungo.Tls(pin=[bytes(32), digest]),
        mungo.Tls(pin=hex),
        mungo.Tls(pin=colons),
        mungo.Tls(verify=False),
    ):
        events, body, error = site.ask(tls)
        assert body and not error, error
        assert without_write(events) == HAPPY
    site.close()


def test_the_pin_of_a_key_holds_for_a_new_certificate_and_is_that_of_openssl():
    from mungo.tls.pin import public_key

    key = public_key(to_der(content("server.pem"), "CERTIFICATE")[0])
    assert key[:3] == b"\x30\x59\x30" and len(key) == 91  # SubjectPublicKeyInfo of P-256
    for cert in ("server", "new"):
        site = Site(cert)
        if cert == "new":  # (its file has the same key)
            site.tls.replace(FOLDER + "new.pem", FOLDER + "server.key")
        assert site.ask(mungo.Tls(pin=hashlib.sha256(key).digest()))[1]
        site.close()


def test_the_name_may_be_another_than_the_host():
    site = Site("named")
    assert site.ask(trusting("ca", name="device.local"))[1]
    site.close()


def test_a_host_with_a_dot_at_its_end_is_the_same_one():
    """RFC 6066 section 3: a server's name has none, and certificates have none either."""
    site = Site()
    for host in ("localhost.", "LOCALHOST."):
        _, body, error = site.ask(trusting("ca"), host)
        assert error is None and body == host.encode() + b":%d" % site.port, error
    site.close()


def test_what_an_https_server_sends_first_does_not_go_to_a_client_without_tls():
    mgr = mungo.Manager()

    def serve(c, ev, data, _):
        if ev == mungo.EV_ACCEPT:
            c.send(b"secret" * 100)

    _, port = listening(lambda url: mgr.http_listen(url, serve, tls=mungo.Tls(**cert_of("server"))), "https")
    for first in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01GET"):
        got = []
        events = []

        def handler(c, ev, data, _):
            events.append(ev)  # noqa: B023
            if ev == mungo.EV_CONNECT:
                c.send(first)  # noqa: B023
            elif ev == mungo.EV_READ:
                got.append(c.recv.read())  # noqa: B023

        c = mgr.connect("tcp://127.0.0.1:%d" % port, handler)
        until(lambda: got or mungo.EV_CLOSE in events or len(first) == 6, mgr)  # noqa: B023
        c.is_closing = True
        until(lambda: len(mgr.conns) == 1, mgr)
        assert b"secret" not in b"".join(got) and b"".join(got)[:12] == (b"" if len(first) == 6 else b"HTTP/1.1 400"), got
        assert mgr.held == 0 and mgr.tls_open == 0 and mgr.stats["bugs"] == 0
    assert mgr.close()


def test_rsa():
    site = Site("rsa")
    assert site.ask(trusting("rsa_ca"))[1]
    site.close()


def test_a_certificate_that_can_t_be_read_leaves_the_old_one():
    site = Site()
    raised(ValueError, site.tls.replace, FOLDER + "rsa.pem", FOLDER + "rsa.pem")
    raised(OSError, site.tls.replace, FOLDER + "nothing", FOLDER + "rsa.key")
    assert site.ask(trusting("ca"))[1]
    site.tls.replace(**cert_of("rsa"))
    assert site.ask(trusting("rsa_ca"))[1]
    site.close()


def test_mistakes_are_told_at_once():
    mgr = mungo.Manager()
    handler, events = recorder()
    raised(ValueError, mungo.Tls, cert=b"")
    raised(ValueError, mungo.Tls, pin=b"123")
    raised(ValueError, mungo.Tls, pin="zz" * 32)
    for tls in (mungo.Tls(), mungo.Tls(ca=b"no certificate"), mungo.Tls(ca="-----BEGIN NOTHING-----\n-----END NOTHING-----\n")):
        raised(ValueError, mgr.connect, "tls://127.0.0.1:1", handler, tls=tls)
        raised(ValueError, mgr.http_listen, "https://127.0.0.1:1", handler, tls=tls)
    raised(ValueError, mgr.http_connect, "https://127.0.0.1:1/", handler)
    raised(ValueError, mgr.http_listen, "https://127.0.0.1:1", handler)
    raised(ValueError, mgr.http_listen, "http://127.0.0.1:1", handler, tls=mungo.Tls(**cert_of("server")))
    raised(ValueError, mgr.connect, "tcp://127.0.0.1:1", handler, tls=trusting("ca"))
    assert not events and not mgr.conns
    assert mgr.close()


def test_servers_that_speak_no_tls_are_errors():
    for answer in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x15\x03\x03\x00\x02\x02\x28", bytes(2000)):
        ask_another(answer)


def ask_another(answer):
    """An https client's server sends this in the place of a handshake."""
    mgr = mungo.Manager()
    handler, events = recorder()
    got = []

    def other(c, ev, data, answer):
        if ev == mungo.EV_READ:
            got.append(c.recv.read())
            c.send(answer)
            c.is_draining = True

    _, port = free(lambda port: mgr.listen("tcp://127.0.0.1:%d" % port, other, answer))
    mgr.http_connect("https://127.0.0.1:%d/secret" % port, handler, tls=trusting("ca"))
    until(lambda: mungo.EV_CLOSE in kinds(events), mgr)
    assert kinds(events) == kinds_of("OPEN", "RESOLVE", "CONNECT", "ERROR", "CLOSE"), events
    assert events[3][1].startswith("TLS: ")
    assert len(got) == 1 and got[0][0] == 22 and b"secret" not in got[0]
    assert mgr.close() and mgr.tls_open == 0


def test_an_outgoing_connection_more_than_tls_conns_is_an_error():
    mgr = mungo.Manager(tls_conns=2)
    handler, events = recorder()
    _, port = listening(lambda url: mgr.listen(url, None, tls=mungo.Tls(**cert_of("server"))), "tls")
    first = mgr.connect("tls://127.0.0.1:%d" % port, None, tls=trusting("ca"))
    until(lambda: not first.is_connecting, mgr)
    assert mgr.tls_open == 2
    mgr.connect("tls://127.0.0.1:%d" % port, handler, tls=trusting("ca"))
    until(lambda: mungo.EV_CLOSE in kinds(events), mgr)
    assert events[3] == (mungo.EV_ERROR, "TLS: 2 connections are open") and mgr.stats["tls_full"] == 1
    assert mgr.tls_open == 2
    assert mgr.close() and mgr.tls_open == 0


def test_a_server_that_answers_nothing_is_given_up_after_handshake_ms():
    mgr = mungo.Manager(handshake_ms=50)
    handler, events = recorder()
    _, port = free(lambda port: mgr.listen("tcp://127.0.0.1:%d" % port, None))
    mgr.http_connect("https://127.0.0.1:%d/" % port, handler, tls=trusting("ca"))
    until(lambda: mungo.EV_CLOSE in kinds(events), mgr)
    assert events[3] == (mungo.EV_ERROR, "timeout: no TLS handshake")
    assert mgr.close() and mgr.tls_open == 0


def test_an_app_knows_that_it_is_served_over_tls():
    app = mungo.App()

    @app.get("/")
    def page(req):
        response = Response(req.scheme)
        set_cookie(response, "a", "1")
        set_cookie(response, "b", "2", secure=False)
        set_cookie(response, "c", "3", secure=True)
        return response

    mgr = mungo.Manager()
    found = []

    def handler(c, ev, hm, _):
        if ev == mungo.EV_HTTP_MSG:
            found.append((hm.body, [value for name, value in hm.headers() if name.lower() == "set-cookie"]))

    for tls, scheme in ((mungo.Tls(**cert_of("server")), "https"), (None, "http")):
        _, port = listening(lambda url, tls=tls: app.attach(mgr, url, tls=tls), scheme)
        mgr.http_connect("%s://localhost:%d/" % (scheme, port), handler, tls=trusting("ca"))
        until(lambda: len(found) > (scheme == "http"), mgr)  # noqa: B023
        body, cookies = found[-1]
        assert body == scheme.encode()
        assert ["; Secure" in cookie for cookie in cookies] == [scheme == "https", False, True], cookies
    assert mgr.close()


def test_a_page_that_came_without_tls_is_another_site_s():
    """Everybody on its way could have written it: Csrf and WebSockets refuse it. Without TLS a gateway may have made http of https."""
    app = mungo.App()
    Csrf(app)
    app.post("/")(lambda req: "done")
    app.get("/ws")(lambda req: lambda c, hm: ws.upgrade(c, hm, lambda *_: None))
    mgr = mungo.Manager()
    for scheme, tls, allowed in (("https", mungo.Tls(**cert_of("server")), ("https",)), ("http", None, ("http", "https"))):
        _, port = listening(lambda url, tls=tls: app.attach(mgr, url, tls=tls), scheme)
        for origin in ("http", "https"):
            found = []

            def handler(c, ev, data, _):
                if ev in (mungo.EV_HTTP_MSG, mungo.EV_WS_OPEN, mungo.EV_ERROR):
                    found.append(data)  # noqa: B023
                    c.is_closing = True

            fields = {"Host": "A.example", "Origin": origin + "://a.example"}
            mgr.http_connect("%s://localhost:%d/" % (scheme, port), handler, method="POST", headers=fields, tls=trusting("ca"))
            ws.connect(mgr, "%s://localhost:%d/ws" % (scheme.replace("http", "ws"), port), handler, headers=fields, tls=trusting("ca"))
            until(lambda: len(found) == 2, mgr)  # noqa: B023
            statuses = [one.status for one in found if hasattr(one, "status")]
            refusals = [one for one in found if isinstance(one, str)]
            assert statuses == [200 if origin in allowed else 403], (scheme, origin, found)
            assert [text[:21] for text in refusals] == ([] if origin in allowed else ["refused: HTTP/1.1 403"]), (scheme, origin, found)
    assert mgr.close()


def test_a_url_of_https_as_target():
    """RFC 9110 section 7.4: over TLS it may be, without TLS it is refused. A URL of http may be anywhere."""
    mgr = mungo.Manager()

    def serve(c, ev, hm, _):
        if ev == mungo.EV_HTTP_MSG:
            c.http_reply(200, {}, "%s of %s" % (hm.uri, hm.header("host")))

    for tls, scheme in ((mungo.Tls(**cert_of("server")), "https"), (None, "http")):
        _, port = listening(lambda url, tls=tls: mgr.http_listen(url, serve, tls=tls), scheme)
        for target in ("https://a.example:8443/b?c", "http://a.example/b"):
            got = []

            def handler(c, ev, data, found):
                if ev == mungo.EV_CONNECT:
                    c.send(b"GET %s HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n" % target.encode())  # noqa: B023
                elif ev == mungo.EV_READ:
                    found.append(c.recv.read())
                elif ev == mungo.EV_CLOSE:
                    found.append(None)

            url = "%s://127.0.0.1:%d" % ("tls" if tls else "tcp", port)
            mgr.connect(url, handler, got, tls=trusting("ca") if tls else None)
            until(lambda: None in got, mgr)  # noqa: B023
            answer = b"".join(got[:-1]).decode()
            is_refused = not tls and target[:5] == "https"
            assert answer.split(" ")[1] == ("400" if is_refused else "200"), (scheme, target, answer)
            assert is_refused or answer.endswith("/b of " + target.split("/")[2])
    assert mgr.close()


def test_which_urls_may_be_targets():
    good = (("https://a:443/b?c", "/b"), ("HTTPS://a", "/"), ("http://a/b", "/b"))
    bad = ("https://", "https:///", "https://?a", "https://:443/", "https:/a", "https://u@a/", "ws://a/", "://a/")
    for target, uri in good + tuple((target, None) for target in bad):
        data = b"GET %s HTTP/1.1\r\nHost: b\r\n\r\n" % target.encode()
        hm = Request(request_table(200))
        hm.is_tls = True
        assert hm.parse(Buffer(bytearray(data), len(data))) == (1 if uri else -400), target
        assert uri is None or (hm.uri, hm.header("Host")) == (uri, target.split("/")[2].split("?")[0])


def test_http_leads_to_https():
    mgr = mungo.Manager()
    _, port = listening(lambda url: mgr.http_listen(url, to_https, 8443))
    rows = [("localhost:80", "/a?b=c", "https://localhost:8443/a?b=c"), ("[::1]", "/", "https://[::1]:8443/"), ("a.b", "*", None)]
    for host, target, location in rows:
        found = []

        def handler(c, ev, hm, found):
            if ev == mungo.EV_HTTP_MSG:
                found.append((hm.status, hm.header("location")))

        c = mgr.http_connect("http://127.0.0.1:%d/" % port, handler, found, method=None)
        request(c, target, "OPTIONS", {"Host": host})
        until(lambda found=found: found, mgr)
        assert found == [(308 if location else 400, location)]
    assert mgr.close()


def test_a_websocket_over_tls():
    mgr = mungo.Manager()
    got = []

    def serve(c, ev, hm, _):
        if ev == mungo.EV_HTTP_MSG:
            ws.upgrade(c, hm)
        elif ev == mungo.EV_WS_MSG:
            ws.send(c, hm)

    def handler(c, ev, data, _):
        if ev == mungo.EV_WS_OPEN:
            ws.send(c, "hello")
        elif ev in (mungo.EV_WS_MSG, mungo.EV_ERROR):
            got.append(data)

    _, port = listening(lambda url: mgr.http_listen(url, serve, tls=mungo.Tls(**cert_of("server"))), "https")
    raised(ValueError, ws.connect, mgr, "wss://localhost:%d/" % port, handler)
    ws.connect(mgr, "wss://localhost:%d/" % port, handler, tls=trusting("ca"))
    until(lambda: got, mgr)
    ws.connect(mgr, "wss://localhost:%d/" % port, handler, tls=trusting("other_ca"))
    until(lambda: len(got) == 2, mgr)
    assert got[0] == "hello" and "not correctly signed" in got[1]
    assert mgr.close() and mgr.tls_open == 0
