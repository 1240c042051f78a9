# Saves settings in the folder argv[1] and is killed at the argv[2]-th thing that it does to the file system: before it, or, for a write,
# when half of it is done. argv[3] "fat": rename has two steps, as FAT has. argv[4] "dash": a setting of a dashboard, not those of a board.
# Prints what it has done so far; "saved" if it comes so far.
import builtins
import os
import sys

import aboard  # noqa: F401

folder, cut, kind = sys.argv[1:4]
left = [int(cut)]


def die():
    if sys.implementation.name == "cpython":
        os._exit(1)
    os.system("kill -9 $PPID")
    while True:
        pass


def step(name):
    left[0] -= 1
    print(name)
    if not left[0]:
        die()


class File:
    def __init__(self, path, mode):
        step("open " + mode)
        self.file = _open(path, mode)

    def write(self, data):
        half = len(data) // 2
        self.file.write(data[:half])
        self.file.flush()
        step("write")
        self.file.write(data[half:])
        self.file.flush()
        return len(data)

    def flush(self):
        step("flush")
        self.file.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        step("close")
        self.file.close()


def opened(path, mode="r", *args, **kwargs):
    return File(path, mode) if "w" in mode else _open(path, mode, *args, **kwargs)


class Os:
    """`os`, each of whose changes is a step."""

    @staticmethod
    def stat(path):
        return _os.stat(path)

    @staticmethod
    def sync():
        step("sync")

    @staticmethod
    def remove(path):
        step("remove")
        _os.remove(path)

    @staticmethod
    def rename(old, new):
        if kind == "fat" and has(new):
            step("rename: remove")
            _os.remove(new)
        step("rename")
        _os.rename(old, new)


def has(path):
    try:
        return bool(_os.stat(path))
    except OSError:
        return False


_os = os
_open = open
os.chdir(folder)


def save_settings():
    import config
    import store

    if kind != "start":
        config.load()
    store.os = Os  # pyright: ignore
    builtins.open = opened  # pyright: ignore
    if kind == "start":
        config.load()  # settings.json was changed by hand: it is kept for later
    else:
        config.save({"WIFI_SSID": "new"})


def change_dashboard():
    import mungo
    from mungo.dash import Dash

    threshold = Dash("Test", mungo.App(), folder=".").setting("threshold", 1)
    sys.modules["mungo.dash.store"].os = Os  # pyright: ignore
    builtins.open = opened  # pyright: ignore
    threshold.change(9)


if "dash" in sys.argv[4:]:
    change_dashboard()
else:
    save_settings()
print("saved")
