# A board of a fleet that takes updates: as a board does it chooses a version at the start, then it runs that version's program.py; without
# one it is what the cable has brought. FOLDER is its flash, NAME its name, BROKER the broker's URL. Its watch over a trial lasts 0.2 s.
import os
import sys

folder, name, broker = os.getenv("FOLDER"), os.getenv("NAME"), os.getenv("BROKER")
os.chdir(folder)

import slots  # noqa: E402

slots.choose()

import mungo  # noqa: E402
import mungo.ota as ota  # noqa: E402
from mungo.fleet import Fleet  # noqa: E402
from mungo.fleet.update import follow  # noqa: E402
from mungo.mqtt import Client  # noqa: E402

try:
    import program  # pyright: ignore
except ImportError:
    program = None
print("listening: %s runs version %d" % (name, ota.state()["version"]))
if program is not None:
    program.begin(name)

client = Client(broker, id=name, version=5, keep_alive_s=10)
fleet = Fleet(client, site="house", info=lambda: {"app": str(ota.state()["version"])})
follow(fleet)
mgr = mungo.Manager()
fleet.attach(mgr)
mgr.timer(200, lambda _: ota.state()["trial"] and ota.good(), repeat=True)
while mgr.poll(1000):
    pass
sys.exit(3)  # it restarts
