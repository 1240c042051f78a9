# The modules that read queries and bodies, and that write JSON: `readers.json_reader` loads when it is first asked for, as in http/lazy.py.
# Workers must not import, so the loop asks first, for a route that has workers.


class Readers:
    """Modules by their names."""

    def __getattr__(self, name) -> "Any":  # noqa: F821  # pyright: ignore
        if name == "form":
            from ..http import form as part
        elif name == "form_reader":
            from ..http import form_reader as part
        elif name == "json_reader":
            from ..http import json_reader as part
        elif name == "json_writer":
            from ..http import json_writer as part
        else:
            raise AttributeError(name)
        setattr(self, name, part)
        return part


readers = Readers()
