"""Docstrings as Markdown: what looks like a tag, <name>, is text."""

import re

import griffe


class AsText(griffe.Extension):
    """Escapes < and * outside of code in every docstring."""

    def on_instance(self, *, obj, **kwargs):
        """Called for each object that griffe has read."""
        if not obj.is_alias and obj.docstring:
            parts = re.split("(`[^`]*`)", obj.docstring.value)
            parts[::2] = [part.replace("<", "&lt;").replace("*", "&#42;") for part in parts[::2]]
            obj.docstring.value = "".join(parts)
