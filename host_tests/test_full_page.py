"""A page of 20 parts loads completely with a board's few connections, in browsers of three makes: each opens six."""

import contextlib
import json
import runpy
import socket
import threading

import pytest

import browsers
import lanes
from asking import request
from far_away import FarAway
from thorough import times

LOADS = times(1, 20)
# How many pictures are shown, how many scripts have run, and whether the style sheet is there.
PARTS = """[
    [...document.images].filter(i => i.complete && i.naturalWidth === 70).length,
    window.n,
    getComputedStyle(document.body).color,
]"""
ALL = [16, 2, "rgb(17, 34, 51)"]
BOARDS = {4: "rp2", 6: "esp32"}


@pytest.fixture(scope="module", params=browsers.ALL, ids=lambda make: make.__name__)
def browser(request):
    missing = request.param.missing()
    if missing:
        pytest.skip("missing: %s; tools/debian.sh says how to get programs" % ", ".join(missing))
    with request.param() as one:
        yield one


@pytest.fixture(params=BOARDS, ids=lambda conns: f"{conns} connections")
def board(request, serve):
    """The server of servers/page.py with a board's limits."""
    limits = vars(runpy.run_path(lanes.ROOT / "lib/mungo/port" / (BOARDS[request.param] + ".py"), {"const": int})["Limits"])
    limits = {name: value for name, value in limits.items() if name[0] != "_"}
    assert limits["max_conns"] == request.param
    return serve(script="page.py", env={"LIMITS": json.dumps(limits)})


@pytest.fixture(params=[False, True], ids=["near", "far"])
def site(request, board):
    """Its URL, near or far away."""
    with FarAway(board.port) if request.param else contextlib.nullcontext(board) as there:
        yield f"http://127.0.0.1:{there.port}"


def test_every_part_arrives(browser, site):
    person = browser.person(0)
    for n in range(times(2, 20)):
        person.load(f"{site}/?{n}")
        assert person.evaluate(PARTS) == ALL


def test_two_people_load_it_at_once(browser, site):
    people = [browser.person(k) for k in range(2)]
    for n in range(LOADS):
        for k, person in enumerate(people):
            person.begin(f"{site}/?{n}-{k}")
        for person in people:
            person.finish()
        assert [person.evaluate(PARTS) for person in people] == [ALL, ALL]


def test_a_page_loads_while_another_holds_two_streams(browser, site):
    holder, person = browser.person(0), browser.person(1)
    holder.load(site + "/streams")
    holder.until("[...seen].sort()", ["events", "socket"])
    for n in range(LOADS):
        person.load(f"{site}/?{n}")
        assert person.evaluate(PARTS) == ALL
    request(int(site.split(":")[-1]), "/say?there")
    holder.until("[...seen].sort()", ["events", "events there", "socket", "socket there"])
    holder.load("about:blank")


# --- clients that open a connection and take their time to ask

CLIENTS = 12


def ask_late(port, said):
    """Connect, ask after 20 ms, and note the answer's status and body: all that comes until the server has no more to say."""
    with socket.create_connection(("127.0.0.1", port), 60) as sock:
        threading.Event().wait(0.02)
        with contextlib.suppress(ConnectionError):
            sock.sendall(b"GET /s.css HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        data = b""
        try:
            while piece := sock.recv(4096):
                data += piece
        except ConnectionError as er:
            data += repr(er).encode()
        said.append((data.partition(b" ")[2][:3], data.partition(b"\r\n\r\n")[2]))


def test_clients_that_ask_late_are_all_answered(board):
    for _ in range(times(3, 20)):
        said = []
        clients = [threading.Thread(target=ask_late, args=(board.port, said)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert len(said) == CLIENTS and set(said) <= {(b"200", b"body { color: #123 }"), (b"503", b"")}, said
