# Python values as JSON (RFC 8259). The port's json.dumps writes numbers that JSON does not have, and on MicroPython also what Python
# shows of a set or an object; so the values are looked at first.
import json

_DEPTH = const(32)  # json.dumps is recursive, and RP2 has a stack of 8 KB


def dumps(value):
    """`value`, a dict or list of such, of str, int, float, bool and None, as JSON: str. Numbers that JSON does not have, NaN and the
    infinite ones, become null, as in browsers' JSON.stringify. Any thread.

    Raises TypeError that names the type of anything else, and ValueError if it is nested more than 32 levels deep.
    """
    has_nan = False
    todo = [iter((value,))]  # not by recursion, since a thread has few calls
    while todo:
        for item in todo[-1]:
            if item is None or isinstance(item, (str, int, bool)):
                continue
            if isinstance(item, float):
                has_nan = has_nan or item - item != 0
                continue
            if isinstance(item, dict):
                for key in item:
                    if not (key is None or isinstance(key, (str, int, bool, float))):
                        raise TypeError("%s: no name in JSON" % type(key))
                item = item.values()
            elif not isinstance(item, list) and type(item) is not tuple:
                raise TypeError("%s: not in JSON" % type(item))
            if len(todo) > _DEPTH:
                raise ValueError("JSON: want at most %d levels" % _DEPTH)
            todo.append(iter(item))
            break
        else:
            todo.pop()
    text = json.dumps(value)
    return _without_nan(text) if has_nan else text


def _without_nan(text):
    # `text` with null in the place of NaN. In strings, between quotes, nothing changes.
    pieces = text.split('"')
    is_string = False
    for i in range(len(pieces)):
        piece = pieces[i]
        if is_string:
            is_string = (len(piece) - len(piece.rstrip("\\"))) & 1  # a quote behind a backslash does not end it
        else:
            for word in ("NaN", "nan", "-Infinity", "Infinity", "-inf", "inf"):
                piece = piece.replace(word, "null")
            pieces[i] = piece
            is_string = True
    return '"'.join(pieces)
