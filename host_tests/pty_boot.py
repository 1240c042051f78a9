# What a board's firmware does before its prompt comes, and the hardware that the unix port lacks. See pty_board.py.
import builtins
import os
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


class Limited:
    """A file that is being written, in a flash of ROOM bytes."""

    def __init__(self, file):
        self.file = file
        self.left = int(os.getenv("ROOM")) - used(".")  # pyright: ignore[reportArgumentType]
        self.close = self.__exit__

    def write(self, data):
        if len(data) > self.left:
            raise OSError(28)
        self.left -= len(data)
        return self.file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


def used(folder):
    """The bytes of all files in a folder."""
    total = 0
    for entry in os.ilistdir(folder):
        path = folder + "/" + entry[0]
        total += used(path) if entry[1] & 0x4000 else os.stat(path)[6]
    return total


plain_open = open


def limited_open(path, mode="r", *rest):
    file = plain_open(path, mode, *rest)
    return Limited(file) if "w" in mode else file


sys.modules["machine"] = Machine()
is_raw = sys.argv[1] == "raw"
sys.path[0] = ""  # not the folder of this file
if len(sys.argv) > 2:
    import json
    import os as host

    import network

    network.air.update(json.loads(sys.argv[2]))
    sys.modules["os"] = Os()
if os.getenv("ROOM"):
    builtins.open = limited_open
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
