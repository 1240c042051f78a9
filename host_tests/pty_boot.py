# What a board's firmware does before its prompt comes, and the hardware that the unix port lacks. See pty_board.py.
import sys


class Pin:
    IN = 0
    OUT = 1
    PULL_UP = 2
    levels = {}

    def __init__(self, id, mode=-1, pull=-1, value=None):
        self.id = id
        if value is not None:
            self.value(value)

    def value(self, level=None):
        if level is None:
            return self.levels.get(self.id, 0)
        self.levels[self.id] = int(level)
        print("pin", self.id, int(level))

    __call__ = value


class Machine:
    Pin = Pin
    PWRON_RESET = 1
    WDT_RESET = 3

    def reset(self):
        sys.exit(87)

    def soft_reset(self):
        sys.exit(0)

    def unique_id(self):
        return b"pty\x00"

    def freq(self, hz=0):
        return 0

    def reset_cause(self):
        return self.PWRON_RESET


class Os:
    """The module `os` of a board, which has no environment."""

    def __getattr__(self, name):
        if name in ("getenv", "putenv", "unsetenv", "system"):
            raise AttributeError(name)
        return getattr(host, name)


sys.modules["machine"] = Machine()
is_raw = sys.argv[1] == "raw"
sys.path[0] = ""  # not the folder of this file
if len(sys.argv) > 2:
    import json
    import os as host

    import network

    network.air.update(json.loads(sys.argv[2]))
    sys.modules["os"] = Os()
for name in ("boot.py",) if is_raw else ("boot.py", "main.py"):
    try:
        with open(name) as file:
            source = file.read()
    except OSError:
        continue
    try:
        exec(compile(source, name, "exec"), {"__name__": "__main__"})
    except Exception as error:
        sys.print_exception(error)
    except KeyboardInterrupt:
        print("KeyboardInterrupt")
