"""Targets: what a board reads, its settings and the questions to its name server."""

import json

import captive
import schema

_IP = b"\x0a\x00\x00\x07"


def settings(data):
    """A settings.json: each setting in it may be used as it is, and is the same when it is written again; or ValueError."""
    try:
        found = schema.parse(data)
    except ValueError:
        return None
    for name, value in found.items():
        schema.check(name, value)
        if not isinstance(value, (int, str)):
            raise AssertionError("%r" % value)
    if schema.parse(json.dumps(found).encode()) != found:
        raise AssertionError("%r" % found)
    return sorted([(name, value) for name, value in found.items()])


def names(data):
    """A question for any name: an answer to that question, for an address with one; or none."""
    reply = captive.answer(data, _IP)
    if reply is None:
        return None
    at = 12
    while data[at]:
        at += data[at] + 1
    question = data[12 : at + 5]
    n = reply[7]
    if len(question) < 5 or len(question) > 259 or reply[:2] != data[:2] or reply[12 : 12 + len(question)] != question:
        raise AssertionError("%r" % reply)
    if len(reply) != 12 + len(question) + 16 * n or n and reply[-4:] != _IP or n != (question[-4:] in (b"\0\1\0\1", b"\0\xff\0\1")):
        raise AssertionError("%r" % reply)
    return n, len(question)
