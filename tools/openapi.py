"""Describe the routes of an App as OpenAPI 3.1, for clients and for documentation.

    python tools/openapi.py apps.hello                   the App named `app` in firmware/apps/hello, as JSON on stdout
    python tools/openapi.py apps.hello:site --title Hello --version 1.0 > openapi.json

It imports the program on the host, and reads: each route's path and methods; the handler's docstring, whose first line is the summary;
whether the handler runs in a worker, which can answer 503 and 504; and the calls `check(req.json, {..})`, `check(req.form, {..})` and
`check(req.args, {..})` in the handler's source, which describe the body and the query, and can answer 422.
"""

import argparse
import ast
import inspect
import json
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]

_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object", "list": "array"}
_BODIES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
_PROBLEM = {
    "type": "object",
    "properties": {
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def describe(app, title, version):
    """The description of an App as a dict."""
    paths = {}
    for method, route in app.routes.all():
        path = "/".join("{%s}" % part[1] if isinstance(part, tuple) else part for part in route.parts)
        paths.setdefault(path or "/", {})[method.lower()] = operation(method, route)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {"schemas": {"Problem": _PROBLEM}},
    }


def operation(method, route):
    """What OpenAPI calls an operation: one method of one path."""
    text = inspect.getdoc(route.fn) or ""
    summary, _, description = text.partition("\n")
    found = {"responses": {"200": {"description": "OK"}}}
    if route.fn.__name__.isidentifier():
        found["operationId"] = "_".join([method.lower(), route.fn.__name__, *(part[1] for part in route.parts if isinstance(part, tuple))])
    if summary:
        found["summary"] = summary
    if description.strip():
        found["description"] = description.strip()
    parameters = []
    for part in route.parts:
        if isinstance(part, tuple):
            kind = "integer" if part[0] == "int" else "string"
            parameters.append({"name": part[1], "in": "path", "required": True, "schema": {"type": kind}})
    bodies = {}
    for where, rules in checks(route.fn):
        schema = rule_schema(rules)
        if where == "args":
            for name in schema["properties"]:
                required = name in schema.get("required", ())
                parameters.append({"name": name, "in": "query", "required": required, "schema": schema["properties"][name]})
        else:
            bodies[_BODIES[where]] = {"schema": schema}
        found["responses"]["422"] = problem("a field is missing or wrong")
    if bodies and method in ("POST", "PUT", "PATCH"):
        found["requestBody"] = {"required": True, "content": bodies}
    if parameters:
        found["parameters"] = parameters
    if route.needs_workers:
        found["responses"]["503"] = problem("no worker is free; see Retry-After")
        found["responses"]["504"] = problem("the worker took too long")
    return found


def problem(text):
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {"application/problem+json": {"schema": schema}}}


def checks(fn):
    """(json, form or args; the node of the rules) for each call of `check` in a handler's source."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    except (OSError, TypeError, SyntaxError):  # a function without source of its own
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "check" and len(node.args) == 2:
            given, rules = node.args
            if isinstance(given, ast.Attribute) and given.attr in ("json", "form", "args") and isinstance(rules, ast.Dict):
                yield given.attr, rules


def rule_schema(rule):
    """The JSON Schema of a rule of `check`, a node of its source."""
    if isinstance(rule, ast.Dict):
        properties = {}
        required = []
        for key, value in zip(rule.keys, rule.values, strict=True):
            name = ast.literal_eval(key)
            properties[name.rstrip("?")] = rule_schema(value)
            if not name.endswith("?"):
                required.append(name)
        schema = {"type": "object", "properties": properties}
        return {**schema, "required": required} if required else schema
    if isinstance(rule, ast.List):
        return {"type": "array", "items": rule_schema(rule.elts[0])}
    if isinstance(rule, ast.Name) and rule.id in _TYPES:
        return {"type": _TYPES[rule.id]}
    if isinstance(rule, ast.Tuple):
        first = rule.elts[0]
        if isinstance(first, ast.Name) and first.id in _TYPES:
            least, most = (ast.literal_eval(one) for one in rule.elts[1:])
            names = {"str": ("minLength", "maxLength"), "list": ("minItems", "maxItems")}.get(first.id, ("minimum", "maximum"))
            return {"type": _TYPES[first.id], names[0]: least, names[1]: most}
        return {"enum": [ast.literal_eval(one) for one in rule.elts]}
    return {}  # a function checks it


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="MODULE or MODULE:NAME")
    parser.add_argument("--title")
    parser.add_argument("--version", default="1")
    parser.add_argument("--in-shim", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.in_shim:  # the program must find MicroPython's modules, which change this process
        command = [sys.executable, ROOT / "host_tests" / "shim" / "run.py", __file__, *sys.argv[1:], "--in-shim"]
        return subprocess.run(command).returncode
    module, _, name = args.program.partition(":")
    app = getattr(__import__(module, fromlist=["x"]), name or "app")
    print(json.dumps(describe(app, args.title or module.rpartition(".")[2], args.version), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
