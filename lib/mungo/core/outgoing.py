# Outgoing connections: by an address, or by a name, which is looked up first.
from . import connector


def connect(mgr, url, fn, fn_data=None, tls=None):
    """`mgr.connect`."""
    if connector.has_name(url):
        from .dialer import connect

        return connect(mgr, url, fn, fn_data, tls)
    return connector.connect(mgr, url, fn, fn_data, tls)
