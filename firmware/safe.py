# Safe mode: a page with the crash log, in place of an app that has crashed three times in a row.
import crash
import mungo
import pages

_PAGE = const("""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Safe mode</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"></head><body><main>
<h1>Safe mode</h1><p>The app %s has crashed three times in a row, so it was not started. The next start tries it again.</p>
<form method="post" action="/again"><button>Start it again now</button></form><h2>Log</h2><pre>%s</pre>
<h2>The same in a terminal</h2><pre>curl http://%s/
curl -X POST http://%s/again</pre></main></body></html>""")


class Safe:
    """The page of safe mode. `event` tells why it has ended: see `run`."""

    def __init__(self, name):
        self.name = name
        self.event = "ended"
        self.app = app = mungo.App()
        app.get("/")(self.page)
        app.get("/style.css")(pages.style)
        app.post("/again")(self.again)

    def page(self, req):
        host = pages.escape(req.headers.get("Host", ""))
        return _PAGE % (pages.escape(self.name), pages.escape(crash.text()), host, host), 200, pages.NO_STORE

    def again(self, req):
        if pages.is_foreign(req):
            return "a page of another site has sent this: use the button on this board's page\n", 403
        self.event = "try again"
        pages.stop_soon(req)
        return "The board restarts.\n"

    def run(self, host, port):
        """Serve; return the event "try again" after the button was pressed, or "ended" after Ctrl-C."""
        self.app.run(host, port)
        return self.event
