# A board of a fleet takes updates over the air. It has one job for that, "update-NAME", which it alone does: rollout.py submits it.
from ..ota import device, pull
from ..ota.web import restart

PREFIX = "update-"  # of the job's name
_TOLD = ("version", "trial", "next", "step", "error")


def follow(fleet, tls=None):
    """Have this board take the updates of a `Rollout`. `tls`, a `mungo.Tls`, is for bundles at "https://..". Call it before
    `fleet.attach`.

    What is on trial is kept by the firmware, by `ota.watch(mgr)` or by `ota.good()`. Whoever may submit jobs can have the board ask any
    server for a bundle and, when one is installed, restart: the bundle's signature counts, not where it comes from.
    """
    pulls = []  # the one that is under way

    def begin(url):
        if not pulls:
            device.state["error"] = ""
            pulls.append(url)
            try:
                pull(fleet.mqtt.mgr, url, ended, tls)
            except Exception:
                pulls.clear()
                raise

    def ended(error):
        pulls.clear()

    def update(order):
        state = device.state
        url = order.get("url")
        if url:
            begin(url)
        elif order.get("restart") and state["next"]:
            restart(fleet.mqtt.mgr)
        told = {name: state[name] for name in _TOLD}
        if pulls:
            told["step"] = told["step"] or "connect"
        return told

    fleet.job(PREFIX + fleet.name, idempotent=False)(update)
