# What a board does from its start on, as a table: in this state, if this happens, that state is next. board.py does it.

TABLE = {
    "start": {"no network is set": "portal", "a network is set": "connecting"},
    # The board is an access point of its own, whose page asks for the network.
    "portal": {"saved": "restart", "nobody came": "connecting"},
    # The board tries to join its network, again and again, after longer and longer pauses.
    "connecting": {"failed": "connecting", "refused": "wrong password", "connected": "clock", "given up": "portal"},
    "wrong password": {"failed": "connecting", "refused": "wrong password", "connected": "clock", "given up": "portal"},
    # It asks the network for the time.
    "clock": {"time set": "running", "no time": "running", "three crashes": "safe mode"},
    # The app runs, in both of these.
    "running": {"lost": "lost", "ended": "stopped"},
    "lost": {"failed": "lost", "refused": "lost", "connected": "running", "ended": "stopped"},
    # Instead of the app there is a page with the crash log.
    "safe mode": {"lost": "safe mode", "failed": "safe mode", "refused": "safe mode", "connected": "safe mode", "try again": "restart",
                  "ended": "stopped"},
    "crashed": {"again": "restart", "in safe mode": "stopped"},
    # The ends: the board is reset, or MicroPython's prompt is there.
    "restart": {},
    "stopped": {},
}  # fmt: skip

for _state in ("start", "portal", "connecting", "wrong password", "clock", "running", "lost", "safe mode"):
    TABLE[_state]["crashed"] = "crashed"


class Machine:
    """The state that a board is in."""

    def __init__(self):
        self.state = "start"

    def happen(self, event):
        """Go to the state that is next; it is returned. ValueError for what can't happen in this one."""
        after = TABLE[self.state].get(event)
        if after is None:
            raise ValueError("%s, in state %s?" % (event, self.state))
        print("board: %s: %s" % (event, after))
        self.state = after
        return after
