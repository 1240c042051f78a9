# The URL of a handler.
_SAFE = const("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def path_of(app, fn, values):
    """`app.url_for`."""
    for _, route in app.routes.all():
        if route.fn is fn:
            return fill(route.parts, dict(values))
    raise ValueError("url_for %r: no route has this handler" % fn)


def fill(parts, values):
    """The path of a pattern with these values, a dict, and the query of those that are left."""
    path = []
    for part in parts:
        if isinstance(part, str):
            path.append(quote(part, "/"))
            continue
        converter, name = part
        if name not in values:
            raise ValueError("url_for: %r is missing" % name)
        value = str(values.pop(name))
        if converter == "int" and (not value or len(value) > 18 or value.strip("0123456789")):
            raise ValueError("url_for: %s=%s: want digits" % (name, value))
        path.append(quote(value, "/" if converter == "path" else ""))
    query = "&".join(["%s=%s" % (quote(name), quote(str(values[name]))) for name in sorted(values)])
    return "/".join(path) + ("?" + query if query else "")


def quote(text, safe=""):
    """`text` percent-encoded, but for letters, digits, "-._~" and the characters of `safe`."""
    return "".join([chr(x) if chr(x) in _SAFE + safe else "%%%02X" % x for x in text.encode()])
