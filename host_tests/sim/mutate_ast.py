"""How a function of the library is broken: a mutation names the function and says what changes in it, by patterns.

A function is named as far as needed to tell it from others: "close", "Pipe.send", "overload.fail", "Connection.is_closing.setter".
The file it is in doesn't matter.

A pattern is Python: an expression (`A.count >= B`) or statements (`if A: B.ring()`). In it
    A, B, C ..   a capital letter matches any expression; the same letter twice, the same expression
    ...          as the only argument or in place of a body matches any arguments, any body

    replace(old, new)    put `new` where `old` is; letters and `...` in it stand for what they have matched
    drop(statement)      leave it out
    twice(statement)     run it twice
    always(test)         the test is True
    never(test)          the test is False
    without_lock()       run the body of `with X.lock:` without the lock
    plain_ticks()        subtract two readings of ticks_ms as if they never wrapped

A pattern must match exactly once in its function, and the function must be there exactly once: Misfit says which mutation isn't so.
"""

import ast
import copy
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LIBRARY = ROOT / "lib" / "mungo"
_BODIES = ("body", "orelse", "finalbody")
_IGNORED = ("ctx", "kind", "type_comment", "type_params")


class Misfit(ValueError):
    """The library has changed, and a mutation has no place in it, or several."""


# --- operations


class Replace:
    """See the head of this file."""

    def __init__(self, old, new):
        self.old = old
        self.new = new
        self.key = old, new
        self.pattern = ast.parse(old).body
        self.template = ast.parse(new).body
        self.is_expression = all(len(part) == 1 and isinstance(part[0], ast.Expr) for part in (self.pattern, self.template))

    def __repr__(self):
        return f"replace({self.old!r}, {self.new!r})"

    def apply(self, function):
        """Change the function's tree."""
        places = list(self.expressions(function) if self.is_expression else self.statements(function))
        if len(places) != 1:
            lines = ", ".join(str(line) for line, _ in places)
            raise Misfit(f"{self!r} matches {len(places)} times" + (f", in the lines {lines}" if places else ""))
        places[0][1]()

    def statements(self, function):
        """(line, function that replaces what is there), for each run of statements that matches."""
        n = len(self.pattern)
        for owner in ast.walk(function):
            for name in _BODIES:
                body = getattr(owner, name, None)
                for i in range(len(body) - n + 1 if isinstance(body, list) else 0):
                    bound = {}
                    if all(map(_match, self.pattern, body[i : i + n], [bound] * n)):
                        yield body[i].lineno, lambda body=body, i=i, bound=bound: self.put(body, i, n, bound)

    def put(self, body, i, n, bound):
        new = _fill(self.template, bound)
        for node in new:
            _place(node, body[i])
        body[i : i + n] = new

    def expressions(self, function):
        """The same for each expression that matches."""
        pattern = self.pattern[0].value
        for owner in ast.walk(function):
            for name, value in ast.iter_fields(owner):
                for i, node in enumerate(value if isinstance(value, list) else [value]):
                    bound = {}
                    if isinstance(node, ast.expr) and _match(pattern, node, bound):
                        new = _place(_fill(self.template[0].value, bound), node)
                        if isinstance(value, list):
                            yield node.lineno, lambda value=value, i=i, new=new: value.__setitem__(i, new)
                        else:
                            yield node.lineno, lambda owner=owner, name=name, new=new: setattr(owner, name, new)


def replace(old, new):
    return Replace(old, new)


def drop(statement):
    return Replace(statement, "pass")


def twice(statement):
    return Replace(statement, f"{statement}\n{statement}")


def always(test):
    return Replace(test, "True")


def never(test):
    return Replace(test, "False")


def without_lock():
    return Replace("with A.lock: ...", "if True: ...")


def plain_ticks():
    return Replace("ticks_diff(A, B)", "A - B")


# --- patterns


def _is_letter(node):
    return isinstance(node, ast.Name) and len(node.id) == 1 and node.id.isupper()


def _is_any(node):
    return isinstance(getattr(node, "value", None), type(...)) or isinstance(node, ast.Expr) and _is_any(node.value)


def _match(pattern, node, bound):
    """Whether `node` is what `pattern` describes; `bound` gets what its letters stand for."""
    if _is_letter(pattern) and isinstance(node, ast.expr):
        return _match(bound.setdefault(pattern.id, node), node, {}) if not _is_letter(node) else False
    if isinstance(pattern, ast.AST):
        fields = [name for name in pattern._fields if name not in _IGNORED]
        return type(pattern) is type(node) and all(_match(getattr(pattern, name), getattr(node, name), bound) for name in fields)
    if isinstance(pattern, list):
        if len(pattern) == 1 and _is_any(pattern[0]):
            bound[...] = node
            return True
        return len(pattern) == len(node) and all(map(_match, pattern, node, [bound] * len(pattern)))
    return type(pattern) is type(node) and pattern == node


def _fill(template, bound):
    """A copy of the template with what its letters and `...` stand for."""
    if _is_letter(template):
        node = copy.deepcopy(bound[template.id])
        node.ctx = template.ctx  # (only names, attributes and items have one, and it does no harm to others)
        return node
    if isinstance(template, list):
        out = []
        for node in template:
            out += bound[...] if _is_any(node) else [_fill(node, bound)]
        return out
    if isinstance(template, ast.AST):
        return type(template)(**{name: _fill(value, bound) for name, value in ast.iter_fields(template)})
    return template


def _place(new, old):
    """Give the new nodes the old one's line, so that a traceback shows it."""
    return ast.fix_missing_locations(ast.copy_location(new, old))


# --- functions


def functions(tree, name):
    """(qualified name, node) of each function in the module `name`, those of classes included."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from functions(node, f"{name}.{node.name}")
        elif isinstance(node, ast.FunctionDef):
            yield from classes(node, name)
            is_setter = any(isinstance(it, ast.Attribute) and it.attr == "setter" for it in node.decorator_list)
            yield f"{name}.{node.name}" + ".setter" * is_setter, node


def classes(node, name):
    """The same of the classes that a function makes."""
    for one in node.body:
        if isinstance(one, ast.ClassDef):
            yield from functions(one, f"{name}.{one.name}")


def module_of(path):
    """The dotted name of a file of the library."""
    return ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts).removesuffix(".__init__")


@cache
def _all_functions():
    return [(name, path) for path in sorted(LIBRARY.rglob("*.py")) for name, _ in functions(ast.parse(path.read_text()), module_of(path))]


def find(name):
    """(qualified name, file) of the one function whose qualified name ends so."""
    found = [(full, path) for full, path in _all_functions() if f".{full}".endswith(f".{name}")]
    if len(found) != 1:
        raise Misfit(f"lib/mungo has {len(found)} functions {name!r}" + "".join(f", {full}" for full, _ in found))
    return found[0]


class Mutation:
    """`operations` on one function; `what` says how that is wrong, and a seed of `profile` is to notice it."""

    def __init__(self, what, profile, function, *operations):
        self.what = what
        self.profile = profile
        self.function = function
        self.operations = operations
        self.key = function, *(operation.key for operation in operations)

    def file(self):
        """Where its function is now; Misfit if that can't be told."""
        try:
            return find(self.function)[1]
        except Misfit as er:
            raise Misfit(f"mutation {self.what!r}: {er}")

    def apply(self, tree):
        """Change the tree of `file()`; Misfit unless each operation has exactly one place in it."""
        full, path = find(self.function)
        function = dict(functions(tree, module_of(path)))[full]
        for operation in self.operations:
            try:
                operation.apply(function)
            except Misfit as er:
                raise Misfit(f"mutation {self.what!r}: in {full}, {er}")
