"""A board that works for others: it counts primes, which takes a while, in a worker.

    make run APP=fleet_worker PORT=8001 BROKER=mqtt://127.0.0.1:1883
    make run APP=fleet_door BROKER=mqtt://127.0.0.1:1883           # who asks for it
    curl localhost:8001/fleet

Start as many as you like; each is a board of the fleet `site` with a name of its own.
"""

from binascii import hexlify
from os import urandom

import mungo
import settings
from mungo.fleet import Fleet
from mungo.mqtt import Client

app = mungo.App()
mqtt = Client(
    settings.BROKER or "mqtt://127.0.0.1:1883",
    id="worker-" + hexlify(urandom(2)).decode(),
    version=5,
    keep_alive_s=15,
    user=settings.BROKER_USER or None,
    password=settings.BROKER_PASSWORD or None,
    tls=mungo.Tls(ca=settings.TLS_CA) if settings.TLS_CA else None,
)
fleet = Fleet(mqtt, site="site")


@fleet.job("primes", worker=True)
def primes(most):
    """How many prime numbers there are up to `most`."""
    return {"primes": sum(all(n % k for k in range(2, int(n**0.5) + 1)) for n in range(2, int(most) + 1))}


app.get("/fleet")(fleet.show)


def main():
    with mungo.Manager(bell=settings.BELL, **settings.LIMITS) as mgr:
        app.open(mgr, settings.HOST, settings.PORT)
        fleet.attach(mgr)
        while mgr.poll(1000):
            pass
