# The portal: on the board's own network, every name and every page leads to a form for the Wi-Fi's name and password.
#
# When phones and laptops join a network, they fetch a known page of their maker, and open a window if the answer is a different one. So
# a request for any other host gets a redirect to the board.
from time import ticks_diff, ticks_ms

import captive
import config
import mungo
import pages

# For a board without www/portal.html.
_PAGE = const(b"""<!DOCTYPE html><html lang="en"><meta name=viewport content="width=device-width"><title>Wi-Fi</title>
<main><h1>Wi-Fi</h1><p>$message</p><p>$known</p><form method=post action=/save>
<p><label>Network <input name=ssid value="$ssid"></label></p>
<p><label>Password <input name=password type=password></label></p>$more<button>Save</button></form></main></html>""")


class Portal:
    """The portal's server. `address` is the board's, with the port if that is not 80.

    `networks` is a list as from `wifi.scan`; the page shows it and `message`. The portal ends after `wait_ms` without a visit, or never
    if that is None. `event` then tells why: see `run`.
    """

    def __init__(self, address, networks, message, wait_ms=None):
        self.address = address
        self.networks = networks
        self.message = message
        self.wait_ms = wait_ms
        self.since = ticks_ms()  # the last visit, or the start
        self.event = None
        self.app = app = mungo.App()
        app.before_request(self.lead)
        app.get("/")(self.page)
        app.get("/style.css")(pages.style)
        app.get("/networks")(self.list)
        app.post("/save")(self.save)

    def lead(self, req):
        """Before each request: redirect requests for other hosts to the board."""
        if req.headers.get("Host") != self.address:
            return "", 302, {"Location": "http://%s/" % self.address, "Cache-Control": "no-store"}
        self.since = ticks_ms()  # a phone's checks for Internet access go to other hosts and do not count as visits

    def page(self, req):
        data = pages.find("portal.html") or _PAGE
        # What the page says without the list of networks, which its script asks for.
        n = len(self.networks)
        known = "%d network%s" % (n, "" if n == 1 else "s") if n else "no network. Type the name of yours"
        for name, text in (
            (b"$message", self.message),
            (b"$known", "When it looked, the board saw %s." % known),
            (b"$ssid", config.get("WIFI_SSID")),
            (b"$host", self.address),
        ):
            data = data.replace(name, pages.escape(text).encode())
        return data.replace(b"$more", more_fields()), 200, pages.NO_STORE

    def list(self, req):
        return {"networks": self.networks, "ssid": config.get("WIFI_SSID"), "message": self.message}, 200, {"Cache-Control": "no-store"}

    def save(self, req):
        if pages.is_foreign(req):
            return "a page of another site has sent this: open http://%s/ and use its form\n" % self.address, 403
        form = req.form
        if "\ufffd" in form.get("ssid", "") + form.get("password", "") + form.get("admin", ""):  # it was no UTF-8
            return "want UTF-8\n", 400
        if not form.get("ssid"):
            return "which network?\n", 400
        changes = {"WIFI_SSID": form["ssid"], "WIFI_PASSWORD": form.get("password", "")}
        if form.get("admin"):
            changes["ADMIN_PASSWORD"] = form["admin"]
        try:
            config.save(changes)
        except ValueError as er:
            return "%s\n" % er, 400
        except OSError as er:
            return "not saved, because writing to the flash failed: %r\n" % er, 500
        self.event = "saved"
        pages.stop_soon(req)
        return "Saved. The board restarts and joins %s; this network ends.\n" % form["ssid"]

    def tick(self, mgr):
        """Once a second: end the portal if nobody has visited it for `wait_ms`."""
        if self.wait_ms and not self.event and ticks_diff(ticks_ms(), self.since) >= self.wait_ms:
            self.event = "nobody came"
            mgr.stop()

    def attach(self, mgr, host="0.0.0.0", port=80, dns_port=53):
        """Serve in this manager's loop."""
        ip = captive.packed(self.address.split(":")[0])
        mgr.listen("udp://%s:%d" % (host, dns_port), captive.handler, ip)
        self.app.attach(mgr, "http://%s:%d" % (host, port))
        mgr.timer(1000, self.tick, mgr, repeat=True)
        print("portal: http://%s/" % self.address)

    def run(self, *where):
        """Serve until the portal ends; return the event "saved" or "nobody came"."""
        with mungo.Manager(max_conns=4) as mgr:  # ESP32 has 10 sockets in all, and the name server takes one
            self.attach(mgr, *where)
            while mgr.poll(1000):
                pass
        return self.event


def more_fields():
    """What the page asks for besides, as bytes: the first password of a dashboard, if the board has one."""
    try:
        from panel import PORTAL_FIELD
    except ImportError:
        return b""
    return PORTAL_FIELD
