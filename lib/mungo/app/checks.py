# Checks of what a client has sent as JSON or as a form: which fields there are, of which type, in which range.
from .response import HttpError


class Invalid(HttpError):
    """What `check` raises: 422 (RFC 9110 section 15.5.21), and in `errors` what is wrong, {field: text}."""

    def __init__(self, errors):
        super().__init__(422, {"errors": errors})
        self.errors = errors


def check(given, fields):
    """The dict of the checked values of `given`, a dict: `req.json`, `req.form` or `req.args`.

        wanted = check(req.json, {"name": str, "age": (int, 0, 150), "tags": [str], "unit": ("C", "F"), "note?": str})

    Each field has a type (str, int, float, bool, dict, list); a type and the least and greatest value, for str and lists of their length; a
    tuple of the values that are allowed; a list with what each of its items must be; a dict of such fields; or a function that returns
    the value, or raises ValueError. A name that ends with "?" may be missing. int and float also take the text of a form, in digits; a
    float takes an int, and is finite. Fields that are not asked for are left out. Any thread.
    Raises Invalid, the answer 422 that names each wrong field, as in "tags[2]"; a `given` that is no dict is the field "".
    """
    errors = {}
    value = _check(given, fields, "", errors)
    if errors:
        raise Invalid(errors)
    return value


def _check(value, rule, name, errors):
    try:
        if isinstance(rule, dict):
            return _check_fields(value, rule, name, errors)
        if isinstance(rule, list):
            _typed(value, list)
            return [_check(item, rule[0], "%s[%d]" % (name, i), errors) for i, item in enumerate(value)]
        if isinstance(rule, tuple) and isinstance(rule[0], type):
            value = _typed(value, rule[0])
            size = len(value) if isinstance(value, (str, list)) else value
            if not rule[1] <= size <= rule[2]:
                raise ValueError("want %s to %s" % rule[1:])
            return value
        if isinstance(rule, tuple):
            for one in rule:
                if one == value and type(one) is type(value):  # (True is no 1)
                    return value
            raise ValueError("want one of %s" % ", ".join([str(one) for one in rule]))
        return _typed(value, rule) if isinstance(rule, type) else rule(value)
    except ValueError as er:
        errors[name] = str(er) or "wrong"


def _check_fields(value, rule, name, errors):
    _typed(value, dict)
    found = {}
    for key in rule:
        is_optional = key[-1] == "?"
        field = key[:-1] if is_optional else key
        path = name + "." + field if name else field
        if field in value and not (is_optional and value[field] is None):
            found[field] = _check(value[field], rule[key], path, errors)
        elif not is_optional:
            errors[path] = "missing"
    return found


def _typed(value, kind):
    try:
        if kind in (int, float) and isinstance(value, str):  # of a form
            # Python also takes "nan", "1_0" and " 1 "; and MicroPython ".".
            if value.strip("+-0123456789" if kind is int else "+-.0123456789eE") or not value.lower().partition("e")[0].strip("+-."):
                raise ValueError
            value = kind(value if len(value) < 40 else "")
        if kind is float and type(value) is int:
            value = float(value)
    except (ValueError, OverflowError):
        value = None  # it is of no kind
    if isinstance(value, kind) and (kind is not int or type(value) is int) and (kind is not float or value * 0 == 0):
        return value + 0 if kind is float else value  # -0.0 becomes 0.0
    raise ValueError("want %s" % _KINDS[kind])


_KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", dict: "an object", list: "a list"}
