# The fields of a request's head.
from ..http.header_lists import without_parameters


class Headers:
    """The fields of a request's head, by their names in any case. Iterating gives (name, value) in the order in which they came."""

    def __init__(self, req):
        self.req = req  # not its `hm`, which detach replaces

    def __iter__(self):
        return iter(self.req.hm.headers())

    def get(self, name, default=None):
        """The value of the first field of this name as str, or `default`."""
        return self.req.hm.header(name, default)

    def __contains__(self, name):
        return self.get(name) is not None

    def __getitem__(self, name):
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def is_type(self, media_type):
        """Whether the Content-Type is this media type, in lower case, whatever its parameters."""
        return without_parameters(self.get("Content-Type", "")) == media_type
