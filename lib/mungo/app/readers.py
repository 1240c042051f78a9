# The modules that read bodies, and the one for generators: `readers.json_reader` loads when it is first asked for, as in http/lazy.py.
# Workers must not import, so the loop asks first, for a route that has workers.


class Readers:
    """Modules by their names."""

    def __getattr__(self, name) -> "Any":  # noqa: F821  # pyright: ignore
        if name == "form_reader":
            from ..http import form_reader as part
        elif name == "json_reader":
            from ..http import json_reader as part
        elif name == "generators":
            from . import generators as part
        else:
            raise AttributeError(name)
        setattr(self, name, part)
        return part


readers = Readers()
