# How the loop uses the file system without ever waiting for it, see port/flash.py: methods of Loop.
from ..port.flash import flash


def use_flash(mgr, fn, c, arg):
    """Call `fn(c, arg)`, which uses the file system: now or, while another thread uses it, in a later turn.

    Returns whether it was called. What it raises then is its caller's, and later `c.bug`'s. By then `c` may be closed.
    """
    if not flash.begin():
        mgr.when_flash_is_free(fn, c, arg)
        return False
    try:
        fn(c, arg)
    finally:
        flash.end()
    return True


def when_flash_is_free(mgr, fn, c, arg):
    """Call `fn(c, arg)` in a later turn, see `use_flash`."""
    mgr.flash_waiters.append((fn, c, arg))


def serve_flash_waiters(mgr):
    """Call what waits for the flash, unless another thread still uses it. (That what waits goes on waiting must not need memory.)"""
    if flash.begin():
        try:
            for _ in range(len(mgr.flash_waiters)):
                fn, c, arg = mgr.flash_waiters.pop(0)
                try:
                    fn(c, arg)
                except BaseException as er:
                    c.bug(er)
        finally:
            flash.end()
