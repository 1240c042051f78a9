# Parts of a room that not every program needs: `parts.stream` is the module stream.py, which loads when it is first asked for. The second
# time costs no more than any attribute, see internals: PARTS.


class Parts:
    """These modules of a package, by their names."""

    def __init__(self, package, names):
        self.package = package
        self.names = names

    def __getattr__(self, name) -> "Any":  # noqa: F821  # pyright: ignore
        if name not in self.names:
            raise AttributeError(name)
        part = __import__(self.package + "." + name, None, None, (name,))
        setattr(self, name, part)
        return part


parts = Parts("mungo.http", ("chunked", "head", "match", "response", "stream"))
