"""Measure the page of mungo.dash with the app dashboard, in Chromium: .venv/bin/python tools/dash_page/measure.py

Prints the table of docs/dash.md. The sensor takes 4 s and the action 10 s, in one worker, while the lamp is switched in one of four pages.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "host_tests"), str(ROOT / "tools")]

import browsers  # noqa: E402
import lanes  # noqa: E402
import server  # noqa: E402
from far_away import FarAway  # noqa: E402

LOADS = 7
SWITCHES = 200
IDLE_S = 60
PAGES = 4
# When the first widget is there, in ms since the page was asked for.
FIRST = """new MutationObserver((_, one) => {
    if (document.querySelector('main .card')) { window.first = performance.now(); one.disconnect() }
}).observe(document, {childList: true, subtree: true})"""
# When the lamp was last seen to change, in ms since 1970.
WATCH = """() => new MutationObserver(() => { window.seen = performance.timeOrigin + performance.now() })
    .observe(document.querySelector('button[role=switch]'), {attributeFilter: ['aria-checked']})"""
CLICK = "() => { const at = performance.timeOrigin + performance.now(); document.querySelector('button[role=switch]').click(); return at }"


def first_paint(chromium, port):
    """The medians of (first paint, first widget) in ms, of a first and of a second load, and the bytes of the second."""
    first, second, again = [], [], []
    with FarAway(port) as far:
        for _ in range(LOADS):
            context = chromium.new_context()
            page = context.new_page()
            page.add_init_script(FIRST)
            for found in (first, second):
                page.goto(f"http://127.0.0.1:{far.port}/")
                page.locator("main .card").first.wait_for()
                painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
                found.append((painted, page.evaluate("first")))
            entries = "['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind)).map(one => one.transferSize)"
            again.append(sum(page.evaluate(entries)))
            context.close()
    medians = [[statistics.median(column) for column in zip(*loads, strict=True)] for loads in (first, second)]
    return *medians, max(again)


def idle(chromium, port):
    """Bytes per second over the WebSocket of a page that is looked at."""
    page = chromium.new_page()
    sizes = []

    def opened(socket):
        for way in ("framereceived", "framesent"):
            socket.on(way, lambda frame: sizes.append(len(frame) + 4))

    page.on("websocket", opened)
    page.goto(f"http://127.0.0.1:{port}/")
    page.locator("main .card").first.wait_for()
    page.wait_for_timeout(5000)
    before, begin = sum(sizes), time.monotonic()
    page.wait_for_timeout(1000 * IDLE_S)
    rate = (sum(sizes) - before) / (time.monotonic() - begin)
    page.close()
    return rate


def switching(chromium, port):
    """Sorted ms from a click in one page until each of four pages shows it."""
    contexts = [chromium.new_context() for _ in range(PAGES)]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.goto(f"http://127.0.0.1:{port}/")
        page.locator("button[role=switch]").wait_for()
        page.evaluate(WATCH)
    took = []
    for n in range(SWITCHES):
        if n % 50 == 0 and pages[0].get_by_role("button", name="Water now").is_enabled():
            pages[0].get_by_role("button", name="Water now").click()
            pages[0].get_by_role("dialog").get_by_role("button", name="Water now").click()
        begin = pages[n % PAGES].evaluate(CLICK)
        for page in pages:
            while page.evaluate("window.seen ?? 0") < begin:
                pass
            took.append(page.evaluate("seen") - begin)
    for context in contexts:
        context.close()
    return sorted(took)


def main():
    sizes = {path.name.split("-")[0]: path.stat().st_size for path in (ROOT / "firmware/www/dash").iterdir()}
    with tempfile.TemporaryDirectory() as folder:
        settings = {"APP": "dashboard", "FOLDER": folder + "/files", "DELAY_MS": "4000", "WORKERS": "1"}
        device = server.Server(lanes.LANES["upy"], "firmware/main.py", settings)
        device.wait_ready()
        try:
            with browsers.played() as chromium:
                (painted, shown), (painted_again, shown_again), again = first_paint(chromium, device.port)
                rate = idle(chromium, device.port)
                took = switching(chromium, device.port)
        finally:
            device.stop()
    print("| the page | |\n|---|--:|\n| requests of the first load | 2, and the WebSocket |")
    print(f"| their bytes, compressed | {sizes['index.html.gz'] + sizes['dash']:,} |")
    print(f"| plots: one more request, compressed | {sizes['plot']:,} |")
    print(f"| the second load, without what the WebSocket brings | {again:,} |")
    print(f"| first paint | {painted:.0f} ms, again {painted_again:.0f} ms |")
    print(f"| the values are there | {shown:.0f} ms, again {shown_again:.0f} ms |")
    print(f"| bytes per second of an idle page | {rate:.0f} |")
    print(f"| a switch, until each of four pages shows it | {took[len(took) // 2]:.0f} ms, p99 {took[len(took) * 99 // 100]:.0f} ms |")


if __name__ == "__main__":
    main()
