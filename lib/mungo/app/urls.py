# The URL of a handler.
_SAFE = const("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def path_of(app, fn, values):
    """`app.url_for`. Of several paths with this handler it is the one that takes the most of the values."""
    best = None
    for _, route in app.routes.all():
        if route.fn is fn:
            names = [part[1] for part in route.parts if isinstance(part, tuple)]
            fit = (all([name in values for name in names]), len(names))
            if best is None or fit > best[0]:
                best = fit, route.parts
    if best is None:
        raise ValueError("url_for %r: no route has this handler" % fn)
    return fill(best[1], dict(values))


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
        if converter == "int" and (len(value) > 18 or value.strip("0123456789")) or not value and converter != "path":
            raise ValueError("url_for: %s=%r: want %s" % (name, value, "digits" if converter else "text"))
        path.append(quote(value, "/" if converter == "path" else ""))
    query = "&".join(["%s=%s" % (quote(name), quote(str(values[name]))) for name in sorted(values)])
    return "/".join(path) + ("?" + query if query else "")


def quote(text, safe=""):
    """`text` percent-encoded, but for letters, digits, "-._~" and the characters of `safe`."""
    return "".join([chr(x) if chr(x) in _SAFE + safe else "%%%02X" % x for x in text.encode()])
