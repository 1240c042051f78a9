# Safe mode: instead of an app that has crashed three times in a row, a page that shows the log.
import crash
import mungo
import pages

_PAGE = const("""<!DOCTYPE html><html lang="en"><meta name="viewport" content="width=device-width"><title>Safe mode</title>
<h1>Safe mode</h1><p>The app %s has crashed three times in a row, so it was not started. It will be at the next start.</p>
<form method="post" action="/again"><button>Start it again now</button></form><h2>Log</h2><pre>%s</pre></html>""")


class Safe:
    """The page; `event` is how it has ended."""

    def __init__(self, name):
        self.name = name
        self.event = "ended"
        self.app = app = mungo.App()
        app.get("/")(self.page)
        app.post("/again")(self.again)

    def page(self, req):
        return _PAGE % (pages.escape(self.name), pages.escape(crash.text())), 200, pages.NO_STORE

    def again(self, req):
        if pages.is_foreign(req):
            return "this came from another site's page\n", 403
        self.event = "try again"
        pages.stop_soon(req)
        return "The board restarts.\n"

    def run(self, host, port):
        """Serve until somebody wants the app again: "try again", or "ended" after Ctrl-C."""
        self.app.run(host, port)
        return self.event
