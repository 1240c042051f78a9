# The routes of an App for updates: see docs/updates.md, "Protocol".
from ..port.flash import flash

_RESTART_MS = const(1000)  # after the answer


def add(app, guard, prefix, device):
    """Add them, see `ota.routes`."""
    if flash.lock is not None:  # or bundle.py would load when workers use the flash, and the loop never waits for that
        import_bundle()

    def guarded(fn):
        def handler(req):
            answer = guard and guard(req)
            return fn(req) if answer is None else answer

        return handler

    def receive(req):
        return import_bundle()(req.c, device)

    app.get(prefix)(guarded(lambda req: device.state))
    app.post(prefix, stream=True)(guarded(receive))
    app.post(prefix + "/good")(guarded(device.keep))
    app.post(prefix + "/restart")(guarded(restart))


def import_bundle():
    """`bundle.receive`."""
    from .bundle import receive

    return receive


def restart(req):
    """The handler that restarts the device, a second later."""
    req.c.mgr.timer(_RESTART_MS, _restart, req.c.mgr)
    return {"restart": True}, 202


def _restart(mgr):
    try:
        from machine import reset  # pyright: ignore
    except ImportError:  # a host: what has started the program starts it again
        reset = mgr.stop
    reset()
