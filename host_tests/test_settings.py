"""A wrong setting ends a program on a host in one sentence, with status 1 and without a traceback. unit/test_board_config.py has what
is allowed."""

import contextlib
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

import lanes
from making import make

# For each setting of a host: wrong values, and what the sentence has besides the value.
NUMBER = ["abc", "-1", "1.5", "9" * 5000]
WRONG = {
    "APP": (["nope", "../hello", "hello.py", "x" * 41], "hello, http_fetch, "),
    "HOST": (["nope", "1.2.3.4.5", "192.0.2.1", "127.0.0.1:80", "::1", "user@127.0.0.1"], "want "),
    "PORT": ([*NUMBER, "0", "65536", "99999"], "1 to 65535"),
    "DELAY_MS": ([*NUMBER, "99999999999"], "a whole number, 0 to "),
    "LOG": ([*NUMBER, "2", "yes"], "0 to 1"),
    "BELL": (["x", "UDP", "udp,ring"], '"udp", "ring"'),
    "PIPE": (["x", "tcp"], '"udp"'),
    "MAX_THREADS": ([*NUMBER, "0", "1001"], "1 to 1000"),
    "WORKERS": ([*NUMBER, "65"], "0 to 64"),
    "TLS": ([*NUMBER, "2"], "0 to 1"),
    "TLS_CERT": (["x" * 201], "want "),
    "TLS_KEY": (["x" * 201], "want "),
    "TLS_CA": (["x" * 201], "want "),
    "BACKEND": (["x", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "http://127.0.0.1:80"], "host:port"),
    "FOLDER": (["x" * 201, "no/such/folder", "Makefile"], "want "),
    "URL": (
        ["x", "ftp://127.0.0.1/", "http://a b/", "http://", "http://127.0.0.1:0/", "http://user:pw@127.0.0.1/"],
        "http://host:port/path",
    ),
    "BROKER": (
        ["x", "http://127.0.0.1/", "mqtt://", "mqtt://a b", "mqtt://127.0.0.1:0", "mqtt://127.0.0.1:99999", "mqtt://me:pw@127.0.0.1"],
        "mqtt://host:port",
    ),
    "BROKER_USER": (["x" * 65], "want "),
    "BROKER_PASSWORD": (["a\1"], "must not be in it"),
    "HEAD_MS": (NUMBER, "0 to "),
    "BODY_MS": (NUMBER, "0 to "),
    "IDLE_MS": (NUMBER, "0 to "),
    "WRITE_MS": (NUMBER, "0 to "),
}
KEYS = "import schema; print('keys', ' '.join(name for name, what in schema.KEYS.items() if what[0] is None), 'HOST PORT')"


def run(runtime, **settings):
    """Start the program with these settings: its status and what it prints."""
    done = lanes.run_script(runtime, "firmware/main.py", timeout=30, **{"APP": "upload", **settings})
    return done.returncode, done.stdout, done.stderr


def is_a_sentence(status, out, err):
    return status == 1 and not out and err.count("\n") == 1 and "Traceback" not in err


def test_each_setting_with_wrong_values(runtime, tmp_path):
    script = tmp_path / "keys.py"
    script.write_text(KEYS)
    assert set(WRONG) == set(lanes.run_script(runtime, script).stdout.split()[1:])
    cases = [(name, value) for name, (values, _) in WRONG.items() for value in values]
    with ThreadPoolExecutor(3) as threads:
        ended = list(threads.map(lambda case: run(runtime, **{case[0]: case[1]}), cases))
    for (name, value), said in zip(cases, ended, strict=True):
        assert is_a_sentence(*said) and name in said[2] and WRONG[name][1] in said[2], (name, value, said)
        # (What must not be in a value is named instead of all of it.)
        assert value in said[2] or "must not be in it" in said[2] or len(value) > 1000, (name, value, said)


def test_bytes_that_are_no_text(runtime):
    for name in ("APP", "HOST", "PORT", "FOLDER"):
        said = run(runtime, **{name: b"\xff\xfe"})
        assert is_a_sentence(*said) and said[2].startswith(name), said


@pytest.mark.parametrize("app", ["multi_threaded", "hello", "with_asyncio", "tcp_echo", "udp_echo", "http_fetch"])
def test_a_port_that_is_in_use(runtime, app):
    kind = socket.SOCK_DGRAM if app == "udp_echo" else socket.SOCK_STREAM
    with contextlib.closing(socket.socket(type=kind)) as other:
        other.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            other.listen()
        port = other.getsockname()[1]
        said = run(runtime, APP=app, PORT=str(port))
    assert is_a_sentence(*said), said
    assert said[2].startswith(f"PORT={port}: another program listens at 127.0.0.1:{port}: end it, or choose another port"), said


def test_a_bug_of_an_app_is_no_setting(runtime, tmp_path):
    # An import of something else, an attribute of that name, and the errno of a port in use are not taken for a wrong setting.
    script = tmp_path / "start.py"
    script.write_text("import main\n")
    (tmp_path / "apps" / "probe").mkdir(parents=True)
    source = tmp_path / "apps" / "probe" / "__init__.py"
    for text, error in (
        ("import no_such_module\n", "no_such_module"),
        ("def main():\n    probe = None\n    probe.main()\n", "'main'"),
        ("def main():\n    raise ValueError('a bug')\n", "a bug"),
        ("def main():\n    raise OSError(2)\n", "\nOSError: "),
    ):
        source.write_text(text)
        done = lanes.run_script(runtime, script, APP="probe")
        said = done.stdout + done.stderr
        assert done.returncode == 1 and "Traceback" in said and error in said, done
    source.write_text("import settings\ndef main():\n    raise settings.Wrong('URL=x: want y')\n")
    done = lanes.run_script(runtime, script, APP="probe")
    assert is_a_sentence(done.returncode, done.stdout, done.stderr) and done.stderr == "URL=x: want y\n", done


def test_make_run_fails_with_that_sentence():
    for option in ("RUNTIME=cpython", "RUNTIME=micropython"):
        done = make("run", option, "PORT=99999", "APP=hello")
        assert done.returncode != 0 and done.stderr.startswith("PORT: 99999: want a whole number, 1 to 65535\n"), done
        assert "Traceback" not in done.stderr + done.stdout


# --- settings.json: a board goes on with its last settings, and says what is wrong


@pytest.mark.parametrize(
    "wrong, is_checked, sentence",
    [
        ({"PORT": 99999}, True, "PORT: 99999: want a whole number, 1 to 65535"),
        ({"APP": "nope"}, False, "APP=nope: there is no such app: want one of "),
        ({"APP": "hello", "HOST": "192.0.2.1"}, False, "HOST=192.0.2.1: this machine does not have that address"),
    ],
    ids=["PORT", "APP", "HOST"],
)
def test_a_board_says_what_is_wrong_with_its_settings(serve, tmp_path, wrong, is_checked, sentence):
    home = {"WIFI_SSID": "home", "WIFI_PASSWORD": "pass word", "HOST": "127.0.0.1", "NTP_HOST": "", "APP": "nope"}
    (tmp_path / "settings.json").write_text(json.dumps({**home, **wrong}))
    options = {"script": "flashed.py", "env": {"FLASH": tmp_path, "AIR": '{"home": "pass word"}'}, "path": ["host_tests/unit"]}
    if is_checked:  # the board goes on, with the last valid settings or the defaults
        said = serve(**options).output()
    else:
        with pytest.raises(RuntimeError) as error:
            serve(**options)
        said = str(error.value)
        assert "Traceback" not in (tmp_path / "crash.log").read_text() and sentence in (tmp_path / "crash.log").read_text()
    assert sentence in said and "Traceback" not in said, said
