# What compiled templates (tools/templates.py) call. A program that puts text into HTML itself uses `escape`.


def escape(value):
    """`value` as text that is safe in HTML, also inside quotes."""
    text = value if isinstance(value, str) else str(value)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;"), ("'", "&#39;")):
        if character in text:
            text = text.replace(character, entity)
    return text


def item(value, name, *default):
    """`value.name` of a template: an entry of a dict, else an attribute; `default` if there is none."""
    if isinstance(value, dict):
        return value.get(name, *default) if default else value[name]
    return getattr(value, name, *default)


def loop(values):
    """(value, Loop) for each of `values`: `loop` of a template's for."""
    values = list(values)
    for i, value in enumerate(values):
        yield value, {"index": i + 1, "index0": i, "first": not i, "last": i + 1 == len(values), "length": len(values)}
