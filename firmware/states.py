# The states of a board from its start on, as a table: {state: {event: next state}}. board.py does the work.

TABLE = {
    "start": {"no network is set": "portal", "a network is set": "connecting"},
    # The board is an access point, and its page asks for the network.
    "portal": {"saved": "restart", "nobody came": "connecting"},
    # The board tries to join its network, with longer and longer pauses between the tries.
    "connecting": {"failed": "connecting", "refused": "wrong password", "connected": "running", "three crashes": "safe mode",
                   "given up": "portal"},
    "wrong password": {"failed": "connecting", "refused": "wrong password", "connected": "running", "three crashes": "safe mode",
                       "given up": "portal"},
    # The app runs in both of these states; in its loop the board asks for the time.
    "running": {"lost": "lost", "ended": "stopped"},
    "lost": {"failed": "lost", "refused": "lost", "connected": "running", "ended": "stopped"},
    # A page with the crash log, in place of the app.
    "safe mode": {"lost": "safe mode", "failed": "safe mode", "refused": "safe mode", "connected": "safe mode", "try again": "restart",
                  "ended": "stopped"},
    "crashed": {"again": "restart", "in safe mode": "stopped"},
    # The ends: a reset, or MicroPython's prompt.
    "restart": {},
    "stopped": {},
}  # fmt: skip

for _state in ("start", "portal", "connecting", "wrong password", "running", "lost", "safe mode"):
    TABLE[_state]["crashed"] = "crashed"


class Machine:
    """The state that a board is in."""

    def __init__(self):
        self.state = "start"

    def happen(self, event):
        """Go to the next state and return it. Raises ValueError if the event is not in the table for the current state."""
        after = TABLE[self.state].get(event)
        if after is None:
            raise ValueError("%s, in state %s?" % (event, self.state))
        print("board: %s: %s" % (event, after))
        self.state = after
        return after
