# The parts that not every program needs: `parts.stream` is the module stream.py, which loads when it is first asked for. The second time
# costs no more than any attribute, see internals: PARTS.


class Parts:
    """Modules of this room, by their names."""

    def __getattr__(self, name) -> "Any":  # noqa: F821  # pyright: ignore
        if name == "chunked":
            from . import chunked as part
        elif name == "head":
            from . import head as part
        elif name == "match":
            from . import match as part
        elif name == "response":
            from . import response as part
        elif name == "stream":
            from . import stream as part
        else:
            raise AttributeError(name)
        setattr(self, name, part)
        return part

    def load_all(self):
        """Load them, before threads run that must not use the file system meanwhile."""
        for name in ("chunked", "head", "match", "response", "stream"):
            getattr(self, name)


parts = Parts()
