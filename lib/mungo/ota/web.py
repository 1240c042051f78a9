# The routes of an App for updates: see docs/updates.md, "Protocol".
from ..port.flash import flash

_RESTART_MS = const(1000)


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

    def reset(req):
        restart(req.c.mgr)
        return {"restart": True}, 202

    app.get(prefix)(guarded(lambda req: device.state))
    app.post(prefix, stream=True)(guarded(receive))
    app.post(prefix + "/good")(guarded(device.keep))
    app.post(prefix + "/restart")(guarded(reset))


def import_bundle():
    """`bundle.receive`."""
    from .bundle import receive

    return receive


def restart(mgr):
    """Restart the device a second later, so that an answer can go out. On a host the manager stops: what has started the program starts it
    again. Loop's thread."""
    try:
        from machine import reset  # pyright: ignore
    except ImportError:
        reset = mgr.stop
    mgr.timer(_RESTART_MS, lambda _: reset())
