# Updates on a real littlefs whose power is cut: at each of its writes, in the middle of each, and in lives that a seed makes.

import os
import random
import sys

import aboard  # noqa: F401
import mungo.ota as ota
from cutflash import Flash, Mounted, each_cut, make
from otaboard import N, bundle, put, tree, upload

LANES = ("upy", "upy-192k")
MIN_HEAP = "768k"  # for flashes of 48 KB beside it

BLOCKS = 96
LIVES = 100 if os.getenv("THOROUGH") else 5


def files(version):
    """What is in a version."""
    return {"apps/app.py": b"VERSION = %d\n" % version, "bundled.py": b"APP = 'app'\n", "www/page.html": b"%d " % version * 300}


def start():
    """A start of the board: the folder that it runs from, and whether that is on trial."""
    sys.modules.pop("slots", None)
    import slots

    before = sys.path[:]
    slots.choose()
    found = sys.path[: len(sys.path) - len(before)]
    sys.path[:] = before
    ota.device.load()
    return found[0][-1] if found else "", slots.is_trial


def running(slot):
    """The version that is in this folder: all of it is there. 0: what the cable has brought."""
    if not slot:
        return 0
    with open(slot + "/apps/app.py") as file:
        version = int(file.read().split()[2])
    found = {name[2:]: data for name, data in tree(slot).items()}
    assert found == files(version), (version, sorted(found))
    return version


def board(version):
    """A flash with this version, which was kept."""
    flash = make(BLOCKS)
    with Mounted(flash):
        put("ota.json", '{"board": "TEST", "key": "%x"}' % N)
        ota.device.load()
        if version:
            upload(DATA[version])
            start()
            ota.good()
            assert running(start()[0]) == version
    return flash


def life(keeps):
    """From an upload to its end: a trial that is kept or undone."""
    ota.device.load()
    upload(DATA[8])
    slot, is_trial = start()
    if is_trial and keeps:
        ota.good()
    start()


DATA = {version: bundle(files(version), version) for version in (7, 8, 9)}


def try_each_cut(old, keeps):
    data = bytes(board(old).data)
    seen = set()
    for flash, n, is_half in each_cut(data, 1000):
        with Mounted(flash):
            flash.cut_at(n, is_half)
            try:
                life(keeps)
            except OSError:  # there is no power
                pass
        flash.cut = None
        with Mounted(Flash(flash.data)):
            slot, is_trial = start()
            version = running(slot)
            assert version in (old, 8) and (version == 8 or not is_trial), (n, is_half, version)
            seen.add((version, is_trial))
            if is_trial:  # nothing keeps it
                slot, is_trial = start()
                assert (running(slot), is_trial) == (old, False), (n, is_half)
            # And then another one comes, whatever the cut has left.
            assert upload(DATA[9])["next"] == 9, n
            assert running(start()[0]) == 9 and ota.good()["version"] == 9
            slot, is_trial = start()
            assert (running(slot), is_trial) == (9, False)
            assert upload(DATA[8])[1] == 409
    assert seen == ({(old, False), (8, True), (8, False)} if keeps else {(old, False), (8, True)}), seen


def test_a_first_update_that_is_kept():
    try_each_cut(0, True)


def test_an_update_that_is_kept():
    try_each_cut(7, True)


def test_an_update_that_is_undone():
    try_each_cut(7, False)


class Life:
    """The life of a board by a seed, in `turns` uploads, starts, crashes and cuts of the power, all of which may come at any time."""

    def __init__(self, seed):
        random.seed(seed)
        self.flash = board(0)
        self.kept = {0}  # the version that was kept last; two of them if the power was cut meanwhile
        self.coming = set()  # those that may be in the other folder
        self.done = set()

    def run(self, turns):
        for _ in range(turns):
            self.flash = Flash(self.flash.data)
            with Mounted(self.flash):
                if random.random() < 0.5:
                    self.flash.cut = random.randrange(1, 50)
                    self.flash.is_half = random.random() < 0.5
                    self.flash.is_dark = True
                try:
                    self.turn()
                except OSError:
                    try:
                        self.flash.check()
                        raise AssertionError
                    except OSError:
                        pass
                    self.done.add("cut")

    def turn(self):
        slot, is_trial = start()
        self.flash.check()
        version = running(slot)
        newest = max(self.kept)
        assert version in self.kept or is_trial and version in self.coming, (version, is_trial, self.kept, self.coming)
        assert not is_trial or version > min(self.kept)
        if is_trial:
            event = random.choice(("kept", "crash", "hang", "reset"))  # the last three are the next start
            self.done.add(event)
            self.coming.discard(version)
            if event == "kept":
                self.kept.add(version)
                ota.good()
                self.kept = {version}
            return
        self.kept = {version}
        new = newest + random.randrange(1, 4)
        data = bundle(files(new), new)
        event = random.choice(("right", "right", "right", "short", "corrupt", "forged", "old"))
        if event == "short":
            data = data[: random.randrange(len(data))]
        elif event != "right":
            data = bytearray(bundle(files(version), version) if event == "old" else data)
            if event == "corrupt":
                data[random.randrange(len(data) - 100, len(data))] ^= 1
            elif event == "forged":
                data[random.randrange(16, 300)] ^= 1
        if event == "right":
            self.coming.add(new)
        answer = upload(data)
        self.done.add(event)
        if self.flash.cut is None or self.flash.done < self.flash.cut:
            assert isinstance(answer, dict) == (event == "right"), (event, answer)


def test_lives_by_seed():
    done = set()
    for seed in range(LIVES):
        one = Life(seed)
        try:
            one.run(30)
        except Exception:
            print("seed", seed)
            raise
        done |= one.done
    assert done == {"kept", "crash", "hang", "reset", "cut", "right", "short", "corrupt", "forged", "old"}, done
    print(LIVES, "lives")
