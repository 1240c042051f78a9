# What an App serves below a prefix: `app.mount` and `app.static`.


def mount(app, other, prefix):
    """`app.mount`."""
    if prefix[:1] != "/" or prefix[-1] == "/":
        raise ValueError("prefix %r: want /text" % prefix)
    for method, route in other.routes.all():
        route_class = type(route)
        mounted = route_class(prefix + route.path, route.fn, (app,) + route.apps, route.timeout_ms)
        mounted.option = route.option
        app.add(method, mounted)


def serve_files(app, prefix, root, options):
    """`app.static`."""
    from ..http.files import send

    app.get(prefix.rstrip("/") + "/<path:rest>")(lambda req, rest: send(root, rest, **options))
