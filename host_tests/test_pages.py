"""The pages of firmware/ in Chromium: the demo, and that all of them can be used, on a phone too."""

import gzip
import json
from pathlib import Path

import pytest

import lanes
import server as servers

WAIT_MS = 60000
PHONE = {"width": 390, "height": 844}
DELAY_MS = 1200
FAST_MS = 50
RACES = 12  # the machine may be busy


def watched(context, url):
    """A new page, the list of what its console and its scripts complain of, and the list of what it asks for elsewhere."""
    page, errors, elsewhere = context.new_page(), [], []

    def hear(message):
        # (A list of files names no icon, so the browser looks for one.)
        if message.type == "error" and not message.location["url"].endswith("/favicon.ico"):
            errors.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith((url, "data:")) else elsewhere.append(request.url))
    return page, errors, elsewhere


def ms(page, name):
    return float(page.get_attribute(f"#{name}", "data-ms"))


# --- the demo


def test_the_demo_shows_the_difference(serve, browser):
    server = serve(env={"DELAY_MS": DELAY_MS})
    url = f"http://127.0.0.1:{server.port}"
    page, errors, elsewhere = watched(browser.new_context(viewport=PHONE), url)
    page.goto(f"{url}/demo")
    page.wait_for_function("document.getElementById('state').textContent == 'done'", timeout=WAIT_MS)
    # While eight slow ones slept, every fast one was answered at once; where they block, it waited for most of them.
    assert page.inner_text("#threads-slow") == page.inner_text("#loop-slow") == "8 of 8"
    assert ms(page, "threads-last") >= DELAY_MS and ms(page, "loop-last") >= 8 * DELAY_MS / 2
    assert ms(page, "loop-longest") > 1000 < 1.5 * ms(page, "loop-median")
    for _ in range(RACES):
        if ms(page, "threads-median") < FAST_MS:
            break
        page.evaluate("(Object.assign(lanes[0], {slow: [], fast: [], now: 0}), race(lanes[0], '/'))")
    assert ms(page, "threads-median") < FAST_MS and ms(page, "threads-longest") < DELAY_MS / 2
    assert page.inner_text("#threads-median").endswith(" ms") and page.inner_text("#loop-longest").endswith(" s")
    assert page.evaluate("lanes[0].fast.length") >= 3
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert not errors and {request.split("/?")[0].split("?")[0] for request in elsewhere} == {
        f"http://localhost:{server.port}",
        f"http://localhost:{server.port}/demo/block",
    }
    # And again, with the button.
    page.click("#again")
    page.wait_for_function("document.getElementById('state').textContent == 'with threads ...'", timeout=WAIT_MS)
    page.close()
    assert "Traceback" not in server.output(), server.output()


def test_the_demo_is_small():
    app = lanes.ROOT / "firmware/apps/multi_threaded/demo.html"
    sizes = [len(gzip.compress(path.read_bytes(), 9)) for path in (app, lanes.ROOT / "firmware/www/style.css")]
    assert sum(sizes) < 6144, sizes


# --- all pages

PAGES = {
    "blink": ["/"],
    "files": ["/", "/docs/", "/list/"],
    "http_fetch": ["/"],
    "members": ["/login"],
    "mqtt_bridge": ["/"],
    "multi_threaded": ["/demo"],
    "sse_clock": ["/"],
    "upload": ["/"],
    "ws_chat": ["/"],
}
WITHOUT_TERMINAL = ("/docs/", "/list/")  # parts of the site that the app files shows
# The violations of axe's rules that are serious or critical, as text; animations are not waited for.
AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
    .filter(one => ["serious", "critical"].includes(one.impact)).map(one => one.id + ": " + one.nodes.map(node => node.html).join(" "))"""


def check(browser, axe, url, path):
    """Look at a page in both colour schemes, on a phone."""
    context = browser.new_context(viewport=PHONE)
    page, errors, elsewhere = watched(context, url)
    page.goto(url + path)
    page.evaluate(axe)  # (not as a script of the page, which a page may forbid)
    for scheme, paper in (("light", "rgb(250, 248, 244)"), ("dark", "rgb(21, 24, 26)")):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(AXE) == [], (url, path, scheme)
        if path not in WITHOUT_TERMINAL:
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper, path
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
    assert page.title() and page.get_attribute("html", "lang") == "en"
    if path not in WITHOUT_TERMINAL:
        assert page.locator("h1").count() == 1 and len(page.locator("main > p").first.inner_text()) > 20, path
        assert "terminal" in page.locator("h2").last.inner_text() and "curl" in page.locator("pre").last.inner_text(), path
    context.close()
    assert not errors, (path, errors)
    assert not [place for place in elsewhere if "//localhost:" not in place], (path, elsewhere)  # (the demo asks it by its other name)


@pytest.fixture
def axe(node):
    """axe-core's script, as an expression."""
    (path,) = node("console.log(require.resolve('axe-core/axe.min.js'))")
    return "() => {%s}" % Path(path).read_text()


@pytest.mark.lanes("upy")
def test_no_page_of_an_app_has_a_serious_problem(serve, browser, axe, tmp_path):
    with_pages = {path.parent.name for path in (lanes.ROOT / "firmware/apps").glob("*/*.html")} | {"files"}
    assert set(PAGES) == with_pages
    for app, paths in PAGES.items():
        one = serve(app=app, env={"DELAY_MS": "100", "FOLDER": tmp_path / "uploads"})
        for path in paths:
            check(browser, axe, f"http://127.0.0.1:{one.port}", path)
        one.stop()
        assert "Traceback" not in one.output(), one.output()


def board(serve, folder, **settings):
    """A board with these settings, which its access point or its network makes reachable at `port`."""
    (folder / "settings.json").write_text(json.dumps({"HOST": "127.0.0.1", "APP": "hello", "NTP_HOST": "", **settings}))
    air = json.dumps({"home": "pass word", "café <b>": ""})
    return serve(script="flashed.py", env={"FLASH": folder, "AIR": air}, path=["host_tests/unit"])


@pytest.mark.lanes("upy")
def test_the_pages_of_a_board_have_no_serious_problem(serve, browser, axe, tmp_path):
    one = board(serve, tmp_path)
    url = f"http://127.0.0.1:{one.port}"
    check(browser, axe, url, "/")
    # Without the list of networks, and without scripts, the page still says what the board has seen.
    for scripts in (True, False):
        context = browser.new_context(java_script_enabled=scripts)
        page = context.new_page()
        page.route("**/networks", lambda route: route.abort())
        page.goto(url)
        if scripts:
            page.wait_for_function("document.getElementById('status').textContent.includes('not available')", timeout=WAIT_MS)
            page.unroute("**/networks")  # it asks again
            page.wait_for_selector("#around option:nth-child(3)", state="attached", timeout=WAIT_MS)
            assert page.inner_text("#status") == ""
        assert page.inner_text("#known") == "When it looked, the board saw 2 networks."
        context.close()
    one.stop()
    (tmp_path / "crashes").write_text("3")
    port = servers.free_port()
    one = board(serve, tmp_path, WIFI_SSID="home", WIFI_PASSWORD="pass word", PORT=port)
    check(browser, axe, f"http://127.0.0.1:{port}", "/")
    one.stop()
    assert "safe mode" in one.output() and "Traceback" not in one.output(), one.output()


def test_the_small_site_has_the_sheet_of_all_pages():
    site, www = lanes.ROOT / "firmware/apps/files/www", lanes.ROOT / "firmware/www"
    assert (site / "style.css").read_bytes() == (www / "style.css").read_bytes()
    for twin in site.rglob("*.gz"):
        assert gzip.decompress(twin.read_bytes()) == twin.with_suffix("").read_bytes(), twin
