"""Compile Jinja2 templates to generator functions for a board, where nothing is parsed any more.

    python tools/templates.py pages/home.html pages/item.html     writes pages/home.py and pages/item.py beside them
    python tools/templates.py --check pages/*.html                fails if what is there is not what the templates say

home.py has `home(..)`, whose keyword arguments are the names that the template uses and does not set itself. A handler returns what it
returns, a generator of str, so that a long page is never in memory as a whole:

    from pages.home import home
    @app.get("/")
    def index(req):
        return home(title="Greenhouse", rows=rows), 200, {"Content-Type": "text/html; charset=UTF-8"}

Jinja2 parses the templates; its documentation describes the syntax. All of these can be used here: {{ expression }}, which is escaped, and
{{ expression | safe }}, which is not; if, elif, else; for with else and `loop.index`, `index0`, `first`, `last`, `length`; set; include and
extends with blocks (of files in the same folder, resolved here); comments and raw; the filters safe, e, escape, length, upper, lower,
trim, join, default (for a name: that is not given or None; for an entry or attribute: that is missing), int, float, string, list; the
tests none, even, odd; calls of functions and methods. `row.name` is an entry of a dict, else an attribute. A name that is set inside a loop
is not used outside. Anything else is an error that names its line.
"""

import argparse
import keyword
import sys
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, TemplateError, nodes

_FILTERS = {
    "length": "len({0})",
    "count": "len({0})",
    "upper": "str({0}).upper()",
    "lower": "str({0}).lower()",
    "trim": "str({0}).strip()",
    "int": "int({0})",
    "float": "float({0})",
    "string": "str({0})",
    "list": "list({0})",
}
_TESTS = {"none": "({0} is None)", "even": "(not {0} % 2)", "odd": "({0} % 2 == 1)"}
_COMPARE = {"eq": "==", "ne": "!=", "gt": ">", "gteq": ">=", "lt": "<", "lteq": "<=", "in": "in", "notin": "not in"}
_BINARY = {nodes.Add: "+", nodes.Sub: "-", nodes.Mul: "*", nodes.Div: "/", nodes.FloorDiv: "//", nodes.Mod: "%", nodes.Pow: "**"}


class Unknown(Exception):
    """A construction that cannot be compiled."""


class Compiler:
    """Makes the source of one module from one template."""

    def __init__(self, path):
        self.path = Path(path)
        self.env = Environment(loader=FileSystemLoader(self.path.parent), keep_trailing_newline=True)
        self.file = self.path.name
        self.lines = []
        self.depth = 1
        self.helpers = set()
        self.parameters = {}  # {name: "" or its default}
        self.scopes = [set()]
        self.inner = set()  # names of loops that are over
        self.loops = []  # what `loop` is
        self.blocks = {}  # of templates that extend others: {name: (file, body)}, the innermost
        self.pending = []  # pieces of text: (is it an expression, what)

    def source(self):
        """The module's text."""
        name = self.path.stem
        if not name.isidentifier() or keyword.iskeyword(name):
            raise Unknown(f"{self.path}: its name is the function's, so it must be a name of Python")
        self.template(self.file)
        self.flush()
        helpers = f"from mungo.app.html import {', '.join(sorted(self.helpers))}\n\n\n" if self.helpers else "\n"
        parameters = ", ".join(["*", *(one + default for one, default in self.parameters.items())]) if self.parameters else ""
        body = "\n".join(self.lines) or "    yield ''"
        return f"# Made by tools/templates.py from {self.path.name}: change that.\n{helpers}def {name}({parameters}):\n{body}\n"

    # --- statements

    def template(self, file):
        """The body of a template, or of the one that it extends, with its blocks."""
        outer, self.file = self.file, file
        tree = self.env.parse(self.env.loader.get_source(self.env, file)[0], name=file, filename=str(self.path.parent / file))
        parent = tree.find(nodes.Extends)
        if parent is None:
            self.body(tree.body)
        else:
            for block in tree.find_all(nodes.Block):
                self.blocks.setdefault(block.name, (file, block.body))
            for node in tree.body:
                if isinstance(node, nodes.Assign):
                    self.statement(node)
            self.template(self.constant(parent.template, parent))
        self.file = outer

    def body(self, body):
        for node in body:
            self.statement(node)

    def statement(self, node):
        if isinstance(node, nodes.Output):
            for part in node.nodes:
                if isinstance(part, nodes.TemplateData):
                    self.pending.append((False, part.data))
                else:
                    self.pending.append((True, self.printed(part)))
        elif isinstance(node, nodes.If):
            self.flush()
            self.branch("if", node)
        elif isinstance(node, nodes.For):
            self.flush()
            self.for_loop(node)
        elif isinstance(node, nodes.Assign):
            self.flush()
            value = self.expression(node.node)
            self.line(f"{self.target(node.target)} = {value}")
        elif isinstance(node, nodes.Include):
            self.template(self.constant(node.template, node))
        elif isinstance(node, nodes.Block):
            file, body = self.blocks.get(node.name, (self.file, node.body))
            outer, self.file = self.file, file
            self.body(body)
            self.file = outer
        else:
            self.unknown(node)

    def branch(self, word, node):
        self.line(f"{word} {self.expression(node.test)}:")
        self.indented(node.body)
        for other in node.elif_:
            self.branch("elif", other)
        if node.else_:
            self.line("else:")
            self.indented(node.else_)

    def for_loop(self, node):
        if node.recursive:
            self.unknown(node, "recursive")
        values = self.expression(node.iter)
        self.scopes.append(set())
        has_loop = any(name.name == "loop" for part in node.body for name in part.find_all(nodes.Name))
        target = self.target(node.target)
        if has_loop or node.else_ or node.test:
            values = f"[({target}) for {target} in {values} if {self.expression(node.test)}]" if node.test else f"list({values})"
        if node.else_:
            self.line(f"_rows{self.depth} = {values}")
            values = f"_rows{self.depth}"
        if has_loop:
            self.helpers.add("loop as _loop")
            self.loops.append(f"_loop{self.depth}")
            self.line(f"for {f'({target})' if ',' in target else target}, {self.loops[-1]} in _loop({values}):")
        else:
            self.line(f"for {target} in {values}:")
        self.indented(node.body)
        self.inner |= self.scopes.pop()
        if has_loop:
            self.loops.pop()
        if node.else_:
            self.line(f"if not {values}:")
            self.indented(node.else_)

    def indented(self, body):
        self.depth += 1
        before = len(self.lines)
        self.body(body)
        self.flush()
        if len(self.lines) == before:
            self.line("pass")
        self.depth -= 1

    def line(self, text):
        self.lines.append("    " * self.depth + text)

    def flush(self):
        """Write what waits to be yielded: one piece for text and expressions that follow each other."""
        pieces, self.pending = self.pending, []
        text = "".join(what for is_expression, what in pieces if not is_expression)
        values = [what for is_expression, what in pieces if is_expression]
        if not values:
            if text:
                self.line(f"yield {text!r}")
            return
        if len(pieces) == 1:
            self.line(f"yield {values[0]}")
            return
        pattern = "".join("%s" if is_expression else what.replace("%", "%%") for is_expression, what in pieces)
        self.line(f"yield {pattern!r} % ({', '.join(values)},)")

    # --- expressions

    def printed(self, node):
        """An expression inside {{ }}: escaped, unless it says that it is safe."""
        if isinstance(node, nodes.Filter) and node.name == "safe":
            return f"str({self.expression(node.node)})"
        if isinstance(node, nodes.Filter) and node.name in ("e", "escape"):
            node = node.node
        self.helpers.add("escape")
        return f"escape({self.expression(node)})"

    def expression(self, node):
        """An expression as Python's."""
        kind = type(node)
        if kind is nodes.Const:
            return repr(node.value)
        if kind is nodes.TemplateData:
            return repr(node.data)
        if kind is nodes.Name:
            return self.name(node)
        if kind is nodes.Getattr:
            self.helpers.add("item")
            return f"item({self.expression(node.node)}, {node.attr!r})"
        if kind is nodes.Getitem:
            return f"{self.expression(node.node)}[{self.subscript(node.arg)}]"
        if kind is nodes.Call and not (node.kwargs or node.dyn_args or node.dyn_kwargs):
            if isinstance(node.node, nodes.Getattr):  # a method, which a dict has beside its entries
                return f"{self.expression(node.node.node)}.{node.node.attr}({self.joined(node.args)})"
            return f"{self.expression(node.node)}({self.joined(node.args)})"
        if kind is nodes.Filter:
            return self.filtered(node)
        if kind is nodes.Test and node.name in _TESTS and not node.args:
            return _TESTS[node.name].format(self.expression(node.node))
        if kind is nodes.Compare and len(node.ops) == 1:
            return f"({self.expression(node.expr)} {_COMPARE[node.ops[0].op]} {self.expression(node.ops[0].expr)})"
        if kind in (nodes.And, nodes.Or):
            return f"({self.expression(node.left)} {'and' if kind is nodes.And else 'or'} {self.expression(node.right)})"
        if kind is nodes.Not:
            return f"(not {self.expression(node.node)})"
        if kind is nodes.Neg:
            return f"(-{self.expression(node.node)})"
        if kind in _BINARY:
            return f"({self.expression(node.left)} {_BINARY[kind]} {self.expression(node.right)})"
        if kind is nodes.Concat:
            return "(" + " + ".join(f"str({self.expression(one)})" for one in node.nodes) + ")"
        if kind is nodes.CondExpr:
            other = self.expression(node.expr2) if node.expr2 else "''"
            return f"({self.expression(node.expr1)} if {self.expression(node.test)} else {other})"
        if kind is nodes.List:
            return f"[{self.joined(node.items)}]"
        if kind is nodes.Tuple:
            return f"({self.joined(node.items)},)" if node.items else "()"
        if kind is nodes.Dict:
            return "{" + ", ".join(f"{self.expression(pair.key)}: {self.expression(pair.value)}" for pair in node.items) + "}"
        self.unknown(node)

    def subscript(self, node):
        if not isinstance(node, nodes.Slice):
            return self.expression(node)
        return ":".join(self.expression(part) if part else "" for part in (node.start, node.stop))

    def joined(self, items):
        return ", ".join(self.expression(one) for one in items)

    def filtered(self, node):
        value = self.expression(node.node)
        if node.name in _FILTERS and not node.args:
            return _FILTERS[node.name].format(value)
        if node.name == "join" and len(node.args) < 2:
            separator = self.expression(node.args[0]) if node.args else "''"
            return f"{separator}.join([str(_x) for _x in {value}])"
        if node.name in ("default", "d") and len(node.args) == 1:
            other = self.expression(node.args[0])
            if isinstance(node.node, nodes.Getattr):
                return f"{value[:-1]}, {other})"
            if isinstance(node.node, nodes.Name):
                if value in self.parameters:
                    self.parameters[value] = "=None"
                return f"({other} if {value} is None else {value})"
        self.unknown(node, f"filter {node.name}")

    def name(self, node):
        name = node.name
        if name == "loop" and self.loops:
            return self.loops[-1]
        if not any(name in scope for scope in self.scopes):
            if name in ("range", "dict"):
                return name
            if keyword.iskeyword(name) or name[0] == "_" or name in ("escape", "item"):
                self.unknown(node, f"the name {name}")
            if name in self.inner:
                self.unknown(node, f"{name}, which a loop sets")
            self.parameters.setdefault(name, "")
        return name

    def target(self, node):
        names = node.items if isinstance(node, nodes.Tuple) else [node]
        for one in names:
            if not isinstance(one, nodes.Name) or keyword.iskeyword(one.name) or one.name[0] == "_":
                self.unknown(node, "what is assigned to")
            if one.name in self.parameters or any(one.name in scope for scope in self.scopes[:-1]):
                self.unknown(node, f"{one.name}, which is used outside as well")
            self.scopes[-1].add(one.name)
        return ", ".join(one.name for one in names)

    def constant(self, node, where):
        if not isinstance(node, nodes.Const):
            self.unknown(where, "a name that is no constant")
        return node.value

    def unknown(self, node, what=None):
        raise Unknown(f"{self.path.parent / self.file}:{node.lineno}: {what or type(node).__name__}: not in templates for boards")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if something would change")
    parser.add_argument("templates", nargs="+", type=Path)
    args = parser.parse_args(argv)
    wrong = 0
    for path in args.templates:
        try:
            text = Compiler(path).source()
        except (Unknown, TemplateError) as er:
            place = f"{er.filename}:{er.lineno}: " if getattr(er, "lineno", None) else ""
            print(f"{place}{er}", file=sys.stderr)
            wrong = 1
            continue
        target = path.with_suffix(".py")
        if args.check:
            if not target.exists() or target.read_text() != text:
                print(f"{target} is not what {path} says: run tools/templates.py {path}", file=sys.stderr)
                wrong = 1
        else:
            target.write_text(text)
            print(f"{target}: {len(text)} bytes")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
