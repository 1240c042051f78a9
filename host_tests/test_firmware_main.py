"""firmware/boot.py and main.py: as a board runs them, in a folder that is its flash, and as a host does."""

import json

import pytest

import lanes
import server
from asking import request

WAIT_S = 30
HOME = {"home": "pass word"}
BAD = """
import sys
import mungo
import settings

def main():
    print("the app is started: http://")
    mgr = mungo.Manager()
    mgr.timer(20, print, "tick")
    mgr.poll(100)
    mgr.poll(100)
    raise ValueError("its bug, " + settings.FOLDER)
"""
EVIL = '<img src=x onerror="document.title=1">'


@pytest.fixture
def board(serve, tmp_path):
    """board(**settings) starts a board whose settings.json has these besides; board() starts it as it is."""

    def start(air=HOME, **settings):
        path = tmp_path / "settings.json"
        if settings:
            old = json.loads(path.read_text()) if path.exists() else {}
            path.write_text(json.dumps({**old, "HOST": "127.0.0.1", **settings}))
        return serve(script="flashed.py", env={"FLASH": tmp_path, "AIR": json.dumps(air)}, path=["host_tests/unit"])

    start.flash = tmp_path
    return start


def ask(one, path="/", method="GET", body=None, **headers):
    """(status, headers, text)"""
    status, fields, body = request(one, path, method, body, **headers)
    return status, fields, body.decode()


def ends(server, status):
    assert server.proc.wait(WAIT_S) == status, server.output()
    server.stop()
    return server.output()


def home(port, **settings):
    return {"WIFI_SSID": "home", "WIFI_PASSWORD": "pass word", "PORT": port, "NTP_HOST": "", **settings}  # (there is no time server)


@pytest.fixture
def port():
    """The app's; the portal has the server's own."""
    return server.free_port()


def test_an_app_of_the_settings_runs_and_ctrl_c_ends_it(board, port):
    one = board(**home(port, APP="hello"))
    one.port = port
    assert ask(one, "/fast")[::2] == (200, "hi\n")
    one.interrupt()
    said = ends(one, 0)
    for line in ("board: a network is set: connecting", "wifi: home is 10.0.0.7", "board: connected: running", "board: ended: stopped"):
        assert line in said, said
    assert "Traceback" not in said
    assert sorted(path.name for path in board.flash.iterdir()) == ["settings.json", "settings.json.old"]


@pytest.mark.parametrize("app", ["multi_threaded", "hello", "sensor_json", "stream_csv"])
def test_apps_with_threads_run_on_a_board(board, port, app):
    one = board(**home(port, APP=app, DELAY_MS=100))
    one.port = port
    paths = {"multi_threaded": "/", "hello": "/slow", "sensor_json": "/sensor", "stream_csv": "/log.csv?rows=3"}
    status, _, text = ask(one, paths[app])
    assert status == 200 and text in ("hi\n", "hi, at last\n") or "celsius" in text or text.count("\n") == 4, text


def test_three_crashes_in_a_row_start_safe_mode(board, port):
    (board.flash / "apps" / "bad").mkdir(parents=True)
    (board.flash / "apps" / "bad" / "__init__.py").write_text(BAD)
    for n in (1, 2, 3):
        said = ends(board(**home(port, APP="bad", FOLDER="crash %d" % n)), 3)
        assert "the app is started" in said and "board: crashed: crashed\n" in said and said.endswith("reset\n"), said
        log = (board.flash / "crash.log").read_text()
        assert log.count("Traceback (most recent call last)") == n and "ValueError: its bug, crash %d" % n in log
        assert "main" in log
    safe = board()
    safe.port = port
    status, headers, page = ask(safe)
    assert status == 200 and "Safe mode" in page and "The app bad" in page and page.count("ValueError: its bug") == 3, page
    assert "the app is started" not in safe.output()
    assert ask(safe, "/again", "POST")[0] == 200
    assert "three crashes: safe mode" in ends(safe, 3)
    again = ends(board(), 3)
    assert "the app is started" in again
    assert (board.flash / "crashes").read_text() == "1"


def test_an_app_that_is_not_there_is_a_crash(board, port):
    (board.flash / "settings.json").write_text(json.dumps(home(port, APP="nowhere")))
    with pytest.raises(RuntimeError, match="(?s)did not start: status 3.*nowhere"):
        board()
    assert "nowhere" in (board.flash / "crash.log").read_text()


def test_wrong_settings_are_told_and_change_nothing(board, port):
    board(**home(port, APP="hello")).stop()
    (board.flash / "settings.json").write_text(json.dumps(home(port, APP="hello", PROT=81)))
    one = board()
    one.port = port
    assert ask(one, "/fast")[0] == 200
    assert "settings.json: no setting 'PROT'; there are: ADMIN_PASSWORD, APP, AP_PASSWORD, " in one.output(), one.output()


def test_credentials_are_filled_in_in_a_browser(board, browser, port):
    (board.flash / "settings.json").write_text(json.dumps({"APP": "hello", "HOST": "127.0.0.1", "PORT": port}))
    one = board(air={**HOME, EVIL: "", "caf\u00e9": "12345678"})
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{one.port}/")
    page.wait_for_selector("#around option:nth-child(4)", state="attached")
    shown = page.locator("#around option").all_text_contents()
    assert any(text.startswith(EVIL) and text.endswith(", open)") for text in shown), shown
    assert any(text.startswith("home (-") and "open" not in text for text in shown)
    assert page.title() == "Wi-Fi"  # nobody's name of a network is run
    page.select_option("#around", "home")
    assert page.input_value("#ssid") == "home"
    page.fill("#password", "short")
    page.click("#save")
    page.wait_for_function("document.getElementById('status').textContent.includes('8 to 64 bytes')")
    page.fill("#password", "pass word")
    page.click("#save")
    page.wait_for_function("document.getElementById('status').textContent.startsWith('Saved.')")
    page.close()
    assert "board: saved: restart" in ends(one, 3)
    saved = json.loads((board.flash / "settings.json").read_text())
    assert saved == {"APP": "hello", "HOST": "127.0.0.1", "PORT": port, "WIFI_SSID": "home", "WIFI_PASSWORD": "pass word"}
    two = board()
    two.port = port
    assert ask(two, "/fast")[::2] == (200, "hi\n")


def test_the_form_works_without_scripts(board, browser, port):
    one = board(APP="hello", PORT=port)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{one.port}/")
    page.fill("#ssid", "caf\u00e9")
    page.fill("#password", "12345678")
    page.click("#save")
    assert page.inner_text("body").startswith("Saved. The board restarts and joins caf\u00e9")
    context.close()
    ends(one, 3)
    assert json.loads((board.flash / "settings.json").read_text())["WIFI_SSID"] == "caf\u00e9"


def test_a_browser_that_looks_for_the_internet_finds_the_portal(board, browser, port):
    one = board(APP="hello", PORT=port)
    page = browser.new_page()
    page.goto(f"http://localhost:{one.port}/generate_204")
    assert page.url == f"http://127.0.0.1:{one.port}/"
    page.close()


def test_ctrl_c_at_the_portal_leads_to_the_prompt(board, port):
    one = board(APP="hello", PORT=port)
    status, headers, _ = ask(one, "/generate_204", Host="connectivitycheck.example")
    assert (status, headers["Location"]) == (302, f"http://127.0.0.1:{one.port}/")
    one.interrupt()
    said = ends(one, 0)
    assert "board: no network is set: portal" in said and "Traceback" not in said, said


# --- on a host

HOST_APP = """
import sys

def main():
    print("modules", " ".join(sorted(name for name in sys.modules)))
"""


def test_a_host_loads_nothing_of_a_board(runtime, tmp_path):
    (tmp_path / "apps" / "probe").mkdir(parents=True)
    (tmp_path / "apps" / "probe" / "__init__.py").write_text(HOST_APP)
    script = tmp_path / "start.py"
    script.write_text("import main\n")
    done = lanes.run_script(runtime, script, APP="probe")
    loaded = set(done.stdout.partition("modules ")[2].split())
    assert "settings" in loaded, done.stdout + done.stderr
    own = {path.stem for path in (lanes.ROOT / "firmware").glob("*.py")}
    assert loaded & own <= {"settings", "main", "host", "environment"}, loaded & own


HEAP = """
import gc, os, sys
import machine, network

class Os:
    pass

for name in dir(os):
    if name != "getenv" and name[:2] != "__":
        setattr(Os, name, getattr(os, name))
sys.modules["os"] = Os
import mungo.manager

# MicroPython's table of names doubles when it is full, whoever adds the name: so it has room here.
for i in range(300):
    setattr(Os, "name%d" % i, i)

def used():
    gc.collect()
    gc.collect()
    return gc.mem_alloc()

before = used()
import settings, board, keeper
print(used() - before)
"""


# (A 32-bit build takes 71 % of it.)
@pytest.mark.lanes("upy-192k")
def test_what_a_board_has_beside_its_app_takes_little_memory(runtime, tmp_path):
    script = tmp_path / "heap.py"
    script.write_text(HEAP)
    done = lanes.run_script(runtime, script, path=["host_tests/shim/modules"])
    print("heap beside the app:", done.stdout)
    assert done.returncode == 0 and int(done.stdout) < 24000, done.stdout + done.stderr


def test_boot_keeps_no_board_from_starting(runtime, tmp_path):
    (tmp_path / "settings.py").write_text("raise ValueError('all is lost')\n")
    script = tmp_path / "start.py"
    script.write_text("import boot\nprint('on it goes')\n")
    done = lanes.run_script(runtime, script)
    assert done.returncode == 0 and done.stdout.endswith("on it goes\n"), done.stdout + done.stderr
    assert "boot: this start is without settings" in done.stdout and "all is lost" in done.stdout
