# For test_threads.py, which runs this in fresh processes: the loop imports all parts of mungo while workers use what they may.

import os
import sys
import time

import mungo
from waiting import Crew, until

_NAMES = [name for name in dir(mungo) if name[:3] == "EV_"]


def parts(folder, package):
    entries = os.listdir(folder) if hasattr(os, "listdir") else [entry[0] for entry in os.ilistdir(folder)]
    names = []
    for entry in entries:
        stem, _, ending = entry.rpartition(".")
        if ending in ("py", "mpy") and stem != "__init__":
            if sys.implementation.name == "micropython" or not stem.endswith(("_viper", "send_memory")):  # which want MicroPython
                names.append(package + "." + stem)
        elif "." not in entry and entry[0] != "_":
            names.append(package + "." + entry)
            names += parts(folder + "/" + entry, package + "." + entry)
    return names


def test_imports_while_workers_read():
    names = parts(mungo.__file__.rpartition("/")[0], "mungo")
    assert len(names) > 30 and "mungo.http.server" in names and "mungo.port.rp2" in names, names
    known = mungo.__dict__  # (dir leaves out names that nothing has used, see internals: NAMES)
    for name in names:  # or importing it makes mungo's dict grow
        assert name.count(".") > 1 or name[6:] in known, name
    mgr = mungo.Manager(queue=1000000, queue_bytes=100000000)
    end = mgr.mkpipe(None)
    crew = Crew()
    stop = []
    rounds = [0, 0, 0]

    def read(i):
        while not stop:
            for name in _NAMES:
                assert getattr(mungo, name) >= 0
            assert (mungo.EV_OPEN, mungo.EV_READ, mungo.EV_CLOSE) == (1, 7, 9)
            assert mungo.__version__
            rounds[i] += 1

    def use():
        end.settimeout(1)  # a worker's end imports nothing
        while not stop and rounds[2] < 5000:
            assert end.send(b"x") == 1
            assert mgr.wakeup(0, b"x") is False
            rounds[2] += 1

    crew.start(read, 0)
    crew.start(read, 1)
    crew.start(use)
    until(lambda: min(rounds) > 10)
    for name in names:
        __import__(name)
        time.sleep_us(50)
    before = min(rounds)
    until(lambda: min(rounds) > before or rounds[2] == 5000)
    stop.append(1)
    crew.join()
    end.close()
    assert mgr.close()
