# The portal: on the board's own network, every name and every page leads to a form for the Wi-Fi's credentials.
#
# Phones and laptops ask for a page of their maker when they join a network, and open a window if they get another answer than the one
# that they know: so whatever is asked of another host gets a redirection to the board.
from time import ticks_diff, ticks_ms

import captive
import config
import mungo
import pages

# If www/portal.html was not copied.
_PAGE = const(b"""<!DOCTYPE html><meta name=viewport content="width=device-width"><title>Wi-Fi</title>
<form method=post action=/save>Network <input name=ssid><br>Password <input name=password type=password><br><button>Save</button></form>""")


class Portal:
    """`address` is the board's, with the port if that is not 80; `networks` as `wifi.scan` has them; `message` is shown.

    With `wait_ms` the portal ends when nobody has come to its page for so long; else it waits for ever. `event` is how it has ended.
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
        app.get("/networks")(self.list)
        app.post("/save")(self.save)

    def lead(self, req):
        """Before each request: who is looking for another host is led here."""
        if req.headers.get("Host") != self.address:
            return "", 302, {"Location": "http://%s/" % self.address, "Cache-Control": "no-store"}
        self.since = ticks_ms()  # somebody is there; a phone that only looks for the Internet now and then is nobody

    def page(self, req):
        return pages.find("portal.html") or _PAGE, 200, pages.NO_STORE

    def list(self, req):
        return {"networks": self.networks, "ssid": config.get("WIFI_SSID"), "message": self.message}, 200, {"Cache-Control": "no-store"}

    def save(self, req):
        if pages.is_foreign(req):
            return "this came from another site's page\n", 403
        form = req.form
        if not form.get("ssid"):
            return "which network?\n", 400
        try:
            config.save({"WIFI_SSID": form["ssid"], "WIFI_PASSWORD": form.get("password", "")})
        except ValueError as er:
            return "%s\n" % er, 400
        except OSError as er:
            return "not saved, the flash said: %r\n" % er, 500
        self.event = "saved"
        pages.stop_soon(req)
        return "Saved. The board restarts and joins %s; this network ends.\n" % form["ssid"]

    def tick(self, mgr):
        """Once a second: has everybody gone?"""
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
        """Serve until it is over: "saved" or "nobody came"."""
        with mungo.Manager(max_conns=4) as mgr:  # ESP32 has 10 sockets in all, and one is the name server's
            self.attach(mgr, *where)
            while mgr.poll(1000):
                pass
        return self.event
