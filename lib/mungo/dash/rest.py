# The same for scripts: values, actions, histories and rows by HTTP.
from ..http.json_writer import dumps
from .requests import MESSAGE, Requests
from .widgets import Control, abort


def open(door):
    """Add the routes."""
    dash = door.dash
    route = door.route
    requests = Requests(dash)

    def state(req):
        yield dumps({"seq": dash.seq, "state": requests.state(req.g["who"])})[:-1] + ', "widgets": ['
        comma = ""
        for widget in dash.widgets[:]:
            yield comma + dumps(widget.describe())
            comma = ", "
        yield '], "whole": true}'

    def values(req):
        return {widget.id: widget.value for widget in dash.widgets if widget.fields["kind"] != "log"}

    def set_values(req):
        level = req.g["who"].level
        given = body(req)
        if len(given) > len(dash.widgets):
            abort(422, "want at most %d values" % len(dash.widgets))
        for id in given:  # all of them, or none
            widget = requests.allowed(level, id)
            if not isinstance(widget, Control):
                abort(405, "%s can't be set" % id)
            try:
                widget.check(given[id])
            except ValueError as er:
                abort(422, str(er))
        for id in given:
            requests.change(level, id, given[id])
        return {id: dash.by_id[id].value for id in given}

    def value(req, id):
        return requests.find(id).state()

    def set_value(req, id):
        given = body(req)
        if list(given) != ["value"]:
            abort(422, 'want {"value": ..}')
        requests.change(req.g["who"].level, id, given["value"])
        return value(req, id)

    def run(req, id):
        requests.run(req.g["who"].level, id, body(req))
        return value(req, id), 202

    def cancel(req, id):
        requests.cancel(req.g["who"].level, id)
        return value(req, id), 202

    def history(req, id):
        return requests.history(id)

    def rows(req, id):
        try:
            return requests.rows(id, number(req.args.get("at", "0")), number(req.args.get("n", "20")))
        except ValueError as er:
            abort(422, str(er))

    route("GET", "/state", lambda req: (state(req), 200, {"Content-Type": "application/json"}))
    route("GET", "/values", values)
    route("PUT", "/values", set_values, 2)
    route("GET", "/values/<id>", value)
    route("PUT", "/values/<id>", set_value, 2)
    route("POST", "/actions/<id>", run, 2)
    route("DELETE", "/actions/<id>", cancel, 2)
    route("GET", "/history/<id>", history)
    route("GET", "/rows/<id>", rows)


def body(req):
    """The object that the request has as JSON; {} if it has no body. Raises HttpError."""
    if len(req.body) > MESSAGE:  # parsed it would take several times that
        abort(413, "want at most %d bytes" % MESSAGE)
    if req.body and not req.headers.is_type("application/json"):
        abort(415, "want application/json")
    given = req.json if req.body else {}
    if not isinstance(given, dict):
        abort(422, "want an object")
    return given


def number(text):
    """A whole number of a query. Raises ValueError."""
    if not 0 < len(text) < 10 or text.strip("0123456789"):
        raise ValueError("want digits")
    return int(text)
