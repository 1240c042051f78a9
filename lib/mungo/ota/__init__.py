# Updates over the air: a signed bundle, which `make bundle` makes, comes into the folder that does not run (a/ or b/), and the next start
# runs it on trial. docs/updates.md has all of it, with the routes and what happens when. The way of an update:
#
#   bundle.py    a route of web.py gets the body piece by piece, or puller.py asks a server for it: the list of files, its signature, file
#                by file. image.py: the same for the firmware of an ESP32
#   this file    `next` and `to` are renamed into ota.state, and the update is there
#   slots.py     (in firmware/; boot.py imports it) the next start: on trial once and, if nothing has kept it, what ran before
#
# Two files are beside boot.py:
#
#   ota.json     {"board": "RPI_PICO_W", "key": "hex"}: whose bundles are taken. `make deploy` writes it, and no update can
#   ota.state    the state, as `GET /api/update` answers it, with "to", where `next` is, and "back", what was there before the trial.
#                slots.py, which may be older than this file, reads and writes it as well: so these names stay
import json
import os
from errno import ENOENT

from ..port.flash import flash

# (The names that imports will store here, so that no dict grows while a worker reads it.)
bundle = image = puller = web = None

_TRIAL_MS = const(60000)

_UNREADABLE = (OSError, TypeError, ValueError)


class Device:
    """What runs, and the update that is coming. The program has one, `mungo.ota.device`. Loop's thread, but for `keep`."""

    def __init__(self):
        self.state = {}
        self.clearing = None  # the generator that removes files
        self.load()

    def load(self):
        """Read the two files."""
        state = self.state
        state.update({"version": 0, "slot": "", "trial": False, "next": 0, "to": "", "error": ""})
        self.key = 0  # it takes no bundles
        for path in ("ota.state", "ota.json"):
            state.update({"board": "", "step": "", "done": 0, "total": 0})
            try:
                with flash, open(path) as file:
                    state.update(json.load(file))
                self.key = int(state.pop("key", "0"), 16)
            except _UNREADABLE as er:
                if not isinstance(er, OSError) or er.errno != ENOENT:  # (a device without updates has neither file)
                    state["error"] = "%s can't be read: %s" % (path, er)

    def save(self, **changes):
        """Change ota.state, by one rename. Raises OSError; then it is as before."""
        state = dict(self.state)
        state.update(changes)
        with flash:
            with open("ota.new", "w") as file:
                file.write(json.dumps(state))
            os.rename("ota.new", "ota.state")
        self.state.update(changes)

    def keep(self, _=None):
        """Keep what is on trial: from here on each start runs it. Returns the state or, if that can't be, (an object with "error", a
        status): 409 if nothing is on trial, 503 while another thread uses the flash. Raises OSError if the flash fails. Any thread."""
        if not self.state["trial"]:
            return {"error": "Nothing is on trial."}, 409
        if not flash.begin():
            return {"error": "The flash is in use: try again."}, 503
        try:
            if self.state["to"]:
                from .image import keep

                keep()
            self.save(trial=False, to="")
        finally:
            flash.end()
        return self.state

    def folder(self):
        """The folder that does not run."""
        return "b" if self.state["slot"] == "a" else "a"

    def clear(self):
        """Remove a file that is in there. Returns False if there was none."""
        if self.clearing is None:
            self.clearing = remove(self.folder())
        for _ in self.clearing:
            return True
        self.clearing = None
        return False

    def clear_all(self, c, is_first):
        """Remove them all: one in each turn in which nothing else uses the flash. It ends early if another update has removed the rest,
        and puts its own files there."""
        if (is_first or self.clearing) and self.clear():
            c.mgr.when_flash_is_free(self.clear_all, c, False)


def remove(path):
    """A generator: each step removes a file, the last one the folder."""
    try:
        for entry in list(os.ilistdir(path)):
            name = path + "/" + entry[0]
            if entry[1] & 0x4000:
                yield from remove(name)
            else:
                os.remove(name)
                yield
        os.rmdir(path)
    except OSError:  # there is no such folder
        pass


def watch(mgr):
    """Keep what is on trial when the manager has run for 60 s. The firmware in firmware/ does this for each app. Loop's thread."""
    if device.state["trial"]:
        mgr.timer(_TRIAL_MS, good, repeat=True)  # (a worker may use the flash just then)


def routes(app, guard=None, prefix="/api/update"):
    """Add the four routes of docs/updates.md, "Protocol", to an App.

    `guard(req)` runs before each, in the loop: what it returns, if it is not None, is the answer instead, for example
    `("log in first\\n", 401)`; it may also abort. None lets everybody in: a bundle needs its signature all the same, but anybody may
    restart the device. Raises ValueError as `app.route`.
    """
    from .web import add

    add(app, guard, prefix, device)


def pull(mgr, url, done=None, tls=None):
    """Ask a server for the bundle at this URL, and install it. `done(error)` is called in the loop at the end, with "" or a sentence.

    `tls` is a `mungo.Tls`, for "https://..". The bundle is refused as an uploaded one is, also if it is not newer: then no more than its
    list of files is read, so a device may ask once a day. Raises OSError and ValueError as `mgr.http_connect`. Loop's thread.
    """
    from .puller import Pull

    Pull(mgr, url, done, tls, device)


def state(_=None):
    """What `GET /api/update` answers, a dict: see docs/updates.md, "Protocol". Loop's thread."""
    return device.state


device = Device()
good = device.keep
