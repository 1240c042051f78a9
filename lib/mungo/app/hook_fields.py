# Fields that hooks give to the answers that functions send by themselves: files, streams of events, WebSockets.
from ..http.fields import make_fields


class HookFields:
    """The fields that hooks have given to an answer that a function sends by `c.http_reply`."""

    def __init__(self, pairs):
        self.pairs = pairs

    def add_to(self, hm, fields):
        """`fields`, bytes of the answer's head, with those of the hooks that are not there, or may be there twice."""
        hm.set_extra(None)
        known = b"\n" + fields.lower()
        for pair in self.pairs:
            name = pair[0].lower()
            if name in ("vary", "set-cookie") or b"\n%s:" % name.encode() not in known:
                fields += make_fields(hm, (pair,))
        return fields
