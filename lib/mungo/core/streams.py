# The limit max_streams, for protocols whose answers may stay open.


def has_room_for_stream(mgr):
    """Whether one more accepted connection may become a stream, which stays open: the others are for pages."""
    if mgr.accepted <= mgr.max_streams:
        return True
    n = 0
    for c in mgr.conns:
        n += c.is_accepted and getattr(c.proto, "is_open_ended", False)
    return n < mgr.max_streams
