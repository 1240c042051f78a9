"""A board that has no time to count primes: it asks the fleet, and serves the answer.

    make run APP=fleet_worker PORT=8001 BROKER=mqtt://127.0.0.1:1883
    make run APP=fleet_door BROKER=mqtt://127.0.0.1:1883
    curl localhost:8000/primes/10000            # {"primes": 1229} from some board; 503 if there is none
    curl localhost:8000/fleet
"""

import mungo
import settings
from mungo.app import abort
from mungo.fleet import Fleet
from mungo.mqtt import Client

app = mungo.App()
mqtt = Client(
    settings.BROKER or "mqtt://127.0.0.1:1883",
    id="door",
    version=5,
    user=settings.BROKER_USER or None,
    password=settings.BROKER_PASSWORD or None,
    tls=mungo.Tls(ca=settings.TLS_CA) if settings.TLS_CA else None,
)
fleet = Fleet(mqtt, site="site")


@app.get("/primes/<int:most>", fleet="primes", timeout_ms=20000)
def primes(req, most):
    if most > 1000000:
        abort(400)
    return most  # the job's data; its result is the answer


app.get("/fleet")(fleet.show)


def main():
    with mungo.Manager(bell=settings.BELL, **settings.LIMITS) as mgr:
        app.open(mgr, settings.HOST, settings.PORT)
        fleet.attach(mgr)
        while mgr.poll(1000):
            pass
