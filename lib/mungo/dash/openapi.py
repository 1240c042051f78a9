# The description of the API in OpenAPI 3.1, with the widgets of this device.
from ..http.json_writer import dumps
from .widgets import LEVELS, Control

_TYPES = {"switch": "boolean", "slider": "number", "number": "number", "time": "number", "text": "string", "password": "string"}
_LIMITS = (("min", "minimum"), ("max", "maximum"), ("length", "maxLength"), ("options", "enum"))


def open(door):
    """Add the route."""
    door.route("GET", "/openapi.json", lambda req: (describe(door.dash), 200, {"Content-Type": "application/json"}))


def describe(dash):
    """The description as a generator of text, so that it takes little memory."""
    head = {"openapi": "3.1.0", "info": {"title": dash.title, "version": "1"}}
    yield dumps(head)[:-1] + ', "paths": {'
    schemas = {}
    for widget in dash.widgets:
        id = widget.id
        kind = widget.fields["kind"]
        methods = {"get": operation("The state of %s" % widget.fields["label"], "state")}
        if isinstance(widget, Control):
            schemas[id] = schema(widget.fields)
            methods["put"] = operation("Set it", "state", {"value": schemas[id]}, ["value"])
        yield path("/values/" + id, methods)
        if kind == "action":
            fields = {one["name"]: schema(one) for one in widget.fields.get("fields", ())}
            cancel = operation("Cancel it", "state", status="202")
            yield path("/actions/" + id, {"post": operation("Start it", "state", fields, [], "202"), "delete": cancel})
        elif kind == "table":
            whole = {"type": "integer", "minimum": 0, "maximum": 999999999}
            get = operation("Rows", "object")
            get["parameters"] = [
                {"name": "at", "in": "query", "schema": whole},
                {"name": "n", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
            ]
            yield path("/rows/" + id, {"get": get})
        elif "history" in widget.fields:
            yield path("/history/" + id, {"get": operation("Its samples", "object")})
    put = operation("Set several, or none", "object", schemas, [])
    yield path("/values", {"get": operation("All values", "object"), "put": put})
    yield path("/state", {"get": operation("All widgets", "object")})
    text = {"type": "string", "maxLength": 64}
    user = {"password": text, "old": text, "level": {"enum": LEVELS[1:]}}
    yield path("/login", {"post": operation("Log in", "object", {"user": text, "password": text}, ["user", "password"])})
    yield path("/logout", {"post": operation("Log out", None, {"everywhere": {"type": "boolean"}}, [], "204")})
    yield path("/users", {"get": operation("All users", None)})
    methods = {"put": operation("Make or change a user", "object", user, []), "delete": operation("Remove a user", None, status="204")}
    yield path("/users/{name}", methods, "name")
    if dash.has_files:
        yield path("/files", {"get": operation("All files", "object")})
        methods = {"get": operation("A file", None), "delete": operation("Remove a file", None, status="204")}
        yield path("/files/{name}", methods, "name")
    yield path("/session", {"get": operation("The session and its user", "object")})[:-2]
    state = {"type": "object", "properties": {"error": {"type": "string"}, "progress": {"type": "integer"}}}
    error = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
    yield '}, "components": {"schemas": %s}}' % dumps({"state": state, "error": error, "object": {"type": "object"}})


def path(name, methods, parameter=None):
    """A member of "paths", with a comma. `parameter` is what its name has in braces."""
    if parameter:
        schema = {"type": "string", "minLength": 1, "maxLength": 32, "pattern": "^[A-Za-z0-9_-]+$"}
        methods["parameters"] = [{"name": parameter, "in": "path", "required": True, "schema": schema}]
    return '"/api%s": %s, ' % (name, dumps(methods))


def operation(summary, answer, properties=None, required=(), status="200"):
    """One method of a path: what it takes, an object with these properties, and what it answers."""
    responses = {status: content(answer, "OK") if answer else {"description": "OK"}, "default": content("error", "a sentence")}
    found = {"summary": summary, "responses": responses}
    if properties is not None:
        body = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found


def content(name, text):
    """An answer with a schema of this name."""
    reference = {"$ref": "#/components/schemas/" + name}
    return {"description": text, "content": {"application/json": {"schema": reference}}}


def schema(fields):
    """The schema of a control's value."""
    found = {} if "options" in fields else {"type": _TYPES[fields["kind"]]}
    if isinstance(fields.get("step"), int):
        found["type"] = "integer"
    for name, limit in _LIMITS:
        if name in fields:
            found[limit] = fields[name]
    return found
