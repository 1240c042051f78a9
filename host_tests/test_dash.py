"""The device's own page from outside: the app dashboard, and a dashboard with a small board's heap and limits."""

import json
import random
import subprocess

import pytest

import guide
import lanes
import server
import thorough
from tools.soak.phones import Days, Page, ask


def test_the_example_is_on_all_pages_and_back_after_a_power_cut(serve, tmp_path):
    env = {"FOLDER": str(tmp_path / "files"), "DELAY_MS": "100"}
    one = serve(app="dashboard", env=env)
    first, second = Page(one.port), Page(one.port)
    assert first.state["open"] and first.widgets["threshold"]["saved"]
    assert "error" not in first.tell(id="lamp", value=True)
    second.wait("lamp", value=True)
    assert "error" not in second.tell(id="threshold", value=17)
    first.wait("threshold", value=17)
    first.wait("soil", error=None)
    while first.widgets["soil"]["value"] is None:
        first.read()
    assert "error" not in first.tell(id="water_now", run={})
    second.wait("water_now", value="done", progress=None)
    assert ask(one.port, "GET", "/api/values")[1]["threshold"] == 17
    assert ask(one.port, "PUT", "/api/files/a.txt", b"hello")[0] == 201
    one.proc.kill()
    one.stop()
    again = serve(app="dashboard", env=env)
    page = Page(again.port)
    assert page.widgets["threshold"]["value"] == 17 and page.state["boot"] != first.state["boot"]
    assert ask(again.port, "GET", "/api/files")[1]["files"] == [{"name": "a.txt", "size": 5}]
    page.close()
    assert "Traceback" not in one.output() + again.output(), one.output() + again.output()


# Objects of the unix port have twice the size of a board's: this heap stands for 192 KB there, see tools/size.py.
BOARD = lanes.Lane("upy-320k", "320k")


@pytest.fixture
def board(request, tmp_path):
    """dash_board.py from bytecode in a small heap."""
    every_ms = 2500 if "idle" in request.node.name else 100
    delay_ms = 2000 if "busy" in request.node.name else 200
    one = server.Server(BOARD, "host_tests/servers/dash_board.py", {"FOLDER": tmp_path, "DELAY_MS": delay_ms, "EVERY_MS": every_ms})
    one.wait_ready()
    yield one
    one.stop()
    assert "Traceback" not in one.output(), one.output()


def test_four_pages_of_a_small_board_switch_while_its_only_worker_is_busy(board):
    pages = [Page(board.port) for _ in range(4)]
    while not ask(board.port, "GET", "/api/values/busy")[1]["value"]:  # the sensor has the worker for two seconds
        continue
    assert pages[0].tell(id="water", run={"minutes": 1}) == {"re": 1}  # and the action waits behind it, and takes ten times that
    lamp = False
    for _ in range(25):
        lamp = not lamp
        for page in pages:
            assert "error" not in page.tell(id="lamp", value=lamp)
        for page in pages:
            page.wait("lamp", value=lamp)
    assert pages[0].widgets["water"]["progress"] < 100
    assert {page.tell()["seq"] > 0 and page.widgets["lamp"]["value"] for page in pages} == {lamp}
    for page in pages:
        page.close()
    assert ask(board.port, "GET", "/api/values/counters")[0] == 200


def test_an_idle_page_gets_less_than_200_bytes_a_second(board):
    page = Page(board.port)

    def read_until_counted():
        while "counter" not in page.read().get("changes", ()):
            continue
        return page.widgets["counter"]["value"]

    first = read_until_counted()
    before = page.bytes
    last = read_until_counted()
    while last < first + 5:
        last = read_until_counted()
    assert (page.bytes - before) / (last - first) < 200, page.bytes - before
    page.close()


def test_two_phones_use_it_for_days_and_nothing_is_lost_or_grows(board):
    """tools/soak/dash.py does the same for 20 minutes, with pauses."""
    used = []

    def midnight(day):
        state = {"pages": None}
        while state["pages"] != 0:  # (those that have just left are still being closed)
            state = ask(board.port, "GET", "/heap")[1]
        used.append(state["used"])

    days = Days(board.port, thorough.times(2, 10), 0, lambda n: n < thorough.times(4, 20), midnight)
    assert days.run() == []
    assert used[-1] - used[1] < 4096, used  # (what loads late, histories and the log are full by the second midnight)
    counters = dict(Page(board.port).tell(id="counters", get="rows", n=100)["rows"])
    assert not counters["bugs"] and not counters["no_memory"], counters  # ("failed": phones vanish)


def test_what_is_too_much_is_refused(board):
    keys = {f"k{n}": n for n in range(10000)}
    assert ask(board.port, "PUT", "/api/values", keys)[0] == 413
    assert ask(board.port, "POST", "/api/login", keys)[0] == 413
    assert ask(board.port, "PUT", "/api/files/big", b"x" * 20001)[0] == 413
    assert ask(board.port, "PUT", "/api/files/big", b"x" * 20000)[0] == 201
    page = Page(board.port)
    page.ws.send(json.dumps({"id": "name", "value": "x" * 5000}))
    assert page.tell()["re"] == 1  # it goes on
    page.ws.send(json.dumps(keys))
    with pytest.raises(Exception, match="1009"):
        while True:
            page.read()
    assert ask(board.port, "GET", "/api/values")[0] == 200


LOADED = """
import sys, mungo
app = mungo.App()
app.get("/")(lambda req: "hi")
with app.test_client() as client:
    client.get("/")
print(*sorted(name for name in sys.modules if "dash" in name))
from mungo.dash import Dash
app = mungo.App()
dash = Dash("Test", app, folder=sys.argv[1])
lamp = dash.switch("Lamp")
with app.test_client() as client:
    client.websocket("/api/live").receive()
    print(*sorted(name[11:] for name in sys.modules if "mungo.dash." in name))
"""


def test_only_what_is_used_is_loaded(runtime, tmp_path):
    (tmp_path / "loaded.py").write_text(LOADED)
    done = lanes.run_script(runtime, tmp_path / "loaded.py", tmp_path)
    assert done.stdout.splitlines() == ["", "door live requests widgets"], done


def test_the_guide_has_the_sizes():
    budget = json.loads((lanes.ROOT / "tools/size_budget.json").read_text())
    written = {row[1].strip("`"): int(row[2]) for row in guide.table(guide.DOCS / "dash.md", "sizes")[1:]}
    assert written == {path.removeprefix("lib/mungo/dash/"): size for path, size in budget.items() if path.startswith("lib/mungo/dash/")}


WRONG = [None, True, 0, -1, 1.5, 1e300, "", "x" * 100, "<script>", "\0", [], [1], {}, {"a": []}, 2**64]


def test_no_request_of_the_description_gets_500(board):
    """Every operation that the device describes, with values that are right and wrong by its schemas."""
    rng = random.Random(1)
    status, description = ask(board.port, "GET", "/api/openapi.json")
    assert status == 200 and description["openapi"] == "3.1.0"
    counts = {}
    for path, methods in description["paths"].items():
        parameters = methods.pop("parameters", ())
        assert ("{name}" in path) == bool(parameters), path
        path = path.replace("{name}", "nobody")
        for method, operation in methods.items():
            if path.startswith(("/api/users", "/api/login")) and method != "get":
                continue  # (the next request would be that of nobody, see test_dash_users.py)
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            bodies = [None]
            if schema:
                bodies = [{}, [], 5, "x", None, {"other": 1}]
                for name in list(schema["properties"]) or ["x"]:
                    bodies += [{name: value} for value in rng.sample(WRONG, 4)]
                bodies.append({name: right(one) for name, one in schema["properties"].items()})
            for body in bodies:
                status, answer = ask(board.port, method.upper(), path, body)
                assert status < 500 or status == 503, (method, path, body, status, answer)
                assert status < 400 or answer["error"], (method, path, body, status, answer)
                counts[status] = counts.get(status, 0) + 1
            assert bodies == [None] or status < 300 or status in (409, 503), (path, body, answer)
    for query in ("at=0&n=1", "at=-1", "n=101", "at=1e9", "at=999999999", "x=y", "at=%00", "at=1&at=2"):
        assert ask(board.port, "GET", f"/api/rows/rows?{query}")[0] in (200, 422)
    assert counts[200] > 30 and counts[422] > 30, counts


SCHEMATHESIS = lanes.ROOT / ".venv-dash/bin/st"


@pytest.mark.skipif(not (thorough.IS_THOROUGH and SCHEMATHESIS.exists()), reason="make dash-api runs it")
@pytest.mark.parametrize("options", [["--exclude-path-regex", "/api/(login|logout|users)"], []], ids=["open", "users"])
def test_schemathesis_finds_no_500(tmp_path, options):
    settings = {"FOLDER": tmp_path, "DELAY_MS": "10"}
    one = server.Server(lanes.LANES["upy"], "host_tests/servers/dash_board.py", settings)
    one.wait_ready()
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    command = [SCHEMATHESIS, "run", f"http://127.0.0.1:{one.port}/api/openapi.json", "--checks", checks, "--max-examples", "50"]
    done = subprocess.run([*command, *options, "--no-color"], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    one.stop()
    assert done.returncode == 0 and "Traceback" not in one.output(), done.stdout + one.output()


def right(schema):
    """A value that the schema allows."""
    if "enum" in schema:
        return schema["enum"][-1]
    return {"boolean": True, "string": "text"}.get(schema["type"], schema.get("minimum", 1))
