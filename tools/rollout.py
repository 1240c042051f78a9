"""Update the boards of a fleet, one after the other, from a URL: make rollout BROKER= SITE= URL= VERSION=

Runs on MicroPython's unix port. AT_ONCE=2 boards at the same time, after the first one alone; it stops when FAILURES=1 have failed.
BOARDS=a,b names them; by default all that are there. Prints each board's way, and ends with the status 1 if one has not got there.
"""

import os
import sys

import mungo
from mungo.fleet import Fleet
from mungo.fleet.rollout import Rollout
from mungo.mqtt import Client


def main():
    broker, site, url, version = [os.getenv(name) for name in ("BROKER", "SITE", "URL", "VERSION")]
    if not (broker and site and url and version):
        print(__doc__ or "want BROKER, SITE, URL and VERSION")
        return 2
    client = Client(broker, id="rollout", version=5, user=os.getenv("BROKER_USER"), password=os.getenv("BROKER_PASSWORD"))
    fleet = Fleet(client, site=site)
    mgr = mungo.Manager()
    fleet.attach(mgr)
    ended = []
    options = {
        "at_once": int(os.getenv("AT_ONCE") or 2),
        "look_ms": int(os.getenv("LOOK_MS") or 1000),
        "failures": int(os.getenv("FAILURES") or 1),
        "boards": [name for name in (os.getenv("BOARDS") or "").split(",") if name],
    }
    Rollout(fleet, url, int(version), on_change=lambda name, text: print("%s: %s" % (name, text)), on_done=ended.append, **options)
    while not ended and not fleet.is_over and mgr.poll(1000):
        pass
    states = ended[0].states if ended else {}
    fleet.stop()
    mgr.close()
    for name in sorted(states):
        if states[name] == "waits":
            print("%s: not begun" % name)
    kept = len([name for name in states if states[name] == "kept"])
    print("%d of %d boards have version %s" % (kept, len(states), version))
    return 0 if 0 < kept == len(states) else 1


sys.exit(main())
