"""The lamp of the newcomer's page: switched by requests, on both runtimes, with a pin and without one."""

import time

from asking import ask

WAIT_S = 20


def until(server, ready):
    """Wait for what the server prints; its lines."""
    deadline = time.monotonic() + WAIT_S
    while not ready(server.output()):
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.01)
    return server.output()


def test_a_host_prints_what_the_lamp_does(serve):
    server = serve(app="blink")
    status, page = ask(server, "/")
    assert status == 200 and b"<button>blink</button>" in page and b"The lamp is" in page
    assert ask(server, "/led") == (200, b"off\n")
    assert ask(server, "/led", b"on") == (200, b"on\n")
    assert ask(server, "/led") == (200, b"on\n")
    until(server, lambda text: text.count("lamp: lit") == 1)
    assert ask(server, "/led", b"off") == (200, b"off\n")
    until(server, lambda text: text.count("lamp: dark") == 1)
    assert ask(server, "/led", b"burn") == (400, b"want on, off or blink\n")
    assert ask(server, "/led", b"\xff")[0] == 400
    assert ask(server, "/led") == (200, b"off\n")
    assert "Traceback" not in server.output(), server.output()


def test_a_pin_blinks_until_it_is_told_otherwise(serve):
    server = serve(script="blink_pin.py")
    assert "pin 7 is an output" in server.output()
    assert ask(server, "/led", b"blink") == (200, b"blink\n")
    until(server, lambda text: text.count("level 0") >= 2 and text.count("level 1") >= 2)
    levels = [line for line in server.output().splitlines() if line.startswith("level")]
    assert levels[:4] == ["level 0", "level 1"] * 2, levels  # low is lit
    assert ask(server, "/led", b"off") == (200, b"off\n")
    assert ask(server, "/timers") == (200, b"0")  # nothing comes any more
    until(server, lambda text: text.rstrip().endswith("level 1"))
    assert ask(server, "/led", b"blink") == (200, b"blink\n") == ask(server, "/led", b"blink")
    assert ask(server, "/timers") == (200, b"1")
    assert ask(server, "/led", b"on") == (200, b"on\n")
    assert "Traceback" not in server.output(), server.output()
