"""Requests of the tests to a server: with http.client on a connection of its own, and with curl."""

import contextlib
import http.client
import subprocess

WAIT_S = 60


def request(one, path="/", method="GET", body=None, **headers):
    """(status, fields, body) of the answer. `one` is a server or its port; of `headers` the names have _ for -."""
    connection = http.client.HTTPConnection("127.0.0.1", getattr(one, "port", one), timeout=WAIT_S)
    with contextlib.closing(connection):
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def ask(one, path="/", body=None):
    """(status, body) of the answer to a POST of this body, or to a GET if there is none."""
    return request(one, path, "POST" if body else "GET", body)[::2]


def curl(*args, check=True):
    """What curl prints. Its exit status must be 0, unless `check` is False."""
    done = subprocess.run(["curl", "-sS", "--max-time", str(WAIT_S), *map(str, args)], capture_output=True)
    assert not check or done.returncode == 0, (args, done)
    return done.stdout
