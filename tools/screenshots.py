"""Write the pictures of README and of the guide: make screenshots [NAMES=demo,blink]

Starts each app, opens its page in headless Chromium and writes docs/NAME.png. tools/debian.sh says how to get Chromium.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import mpy

DOCS = mpy.ROOT / "docs"
START_S = 20
NETWORKS = {"home": "pass word", "workshop": "pass word", "guests": ""}  # around the board of the portal
RACE_MS = 60000
WIDE, PHONE, TALL = {"width": 1000, "height": 760}, {"width": 390, "height": 640}, {"width": 780, "height": 1280}


def demo(page):
    page.wait_for_function("document.getElementById('state').textContent == 'done'", timeout=RACE_MS)


def blink(page):
    page.click("button:text('blink')")
    page.wait_for_function("document.getElementById('state').textContent == 'blink'")


def upload(page):
    page.set_input_files("#file", [{"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": bytes(120000)}])
    page.click("button:text('Send')")
    page.wait_for_selector("#list td")


def ws_chat(page):
    for line in ("hello", "is anybody here?"):
        page.wait_for_selector("#line:enabled")
        page.fill("#line", line)
        page.press("#line", "Enter")
        page.wait_for_selector(f"li:has-text('{line}')")


def sse_clock(page):
    page.wait_for_function("document.getElementById('count').textContent > 3")


def dashboard(page):
    """A soil that has been looked at for a while, and something in the log."""
    page.locator("[role=meter]:not([aria-valuetext^='–'])").wait_for(timeout=RACE_MS)
    page.get_by_role("switch", name="Lamp").click()
    page.get_by_role("button", name="Water now").click()
    page.get_by_role("dialog").get_by_role("button", name="Water now").click()
    page.locator(".good", has_text="done").wait_for(timeout=RACE_MS)
    page.locator(".plot canvas").first.wait_for()
    page.evaluate("scrollTo(0, 0)")


def dashboard_device(page):
    page.wait_for_timeout(15000)  # of plots
    page.locator(".plot canvas").last.wait_for()


def dashboard_files(page):
    page.get_by_label("Upload").set_input_files([{"name": name, "mimeType": "a/b", "buffer": bytes(n)} for name, n in FILES])
    page.get_by_role("status").get_by_text(f"{FILES[-1][0]} is on the device").wait_for()


def dashboard_users(page):
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password", exact=True).fill("correct horse")
    page.get_by_role("button", name="Set the password").click()
    page.get_by_role("button", name="Log out everywhere").wait_for(timeout=RACE_MS)
    page.get_by_role("heading", name="New user").wait_for()


def dashboard_update(page):
    page.get_by_text("The device runs").wait_for()


def portal(page):
    page.wait_for_selector("#around option:nth-child(3)", state="attached")
    page.select_option("#around", index=1)


# name of the picture: (app, path of the page, size, what is done before); those that are dark. No app: a board that knows no network
PICTURES = {
    "demo": ("multi_threaded", "/demo", WIDE, demo),
    "portal": (None, "/", PHONE, portal),
    "blink": ("blink", "/", PHONE, blink),
    "upload": ("upload", "/", PHONE, upload),
    "ws_chat": ("ws_chat", "/", PHONE, ws_chat),
    "sse_clock": ("sse_clock", "/", PHONE, sse_clock),
    "dash": ("dashboard", "/", WIDE, dashboard),
    "dash_phone": ("dashboard", "/", PHONE, dashboard),
    "dash_device": ("dashboard", "/#/Device", TALL, dashboard_device),
    "dash_files": ("dashboard", "/#/%3Afiles", PHONE, dashboard_files),
    "dash_users": ("dashboard", "/#/%3Aaccount", PHONE, dashboard_users),
    "dash_update": ("dashboard", "/#/%3Aupdate", PHONE, dashboard_update),
}
DARK = ("dash_phone", "dash_device", "dash_files", "dash_users", "dash_update")
FILES = (("readings.csv", 18432), ("notes.txt", 312))


@contextlib.contextmanager
def running(app, folder):
    """An app, or a board's portal, that runs meanwhile: the port of 127.0.0.1 that it listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = [f"{mpy.ROOT}/lib", f"{mpy.ROOT}/firmware", ".frozen"]
    settings = {"APP": app or "hello", "PORT": str(port), "FOLDER": str(folder)}
    script = "firmware/main.py"
    if app is None:
        script = "host_tests/servers/flashed.py"
        path.insert(2, f"{mpy.ROOT}/host_tests/unit")
        settings.update(FLASH=str(folder), AIR=json.dumps(NETWORKS))
        os.mkdir(folder)
        with open(os.path.join(folder, "settings.json"), "w") as file:
            json.dump({"HOST": "127.0.0.1"}, file)
    command = [os.environ.get("MICROPYTHON") or str(mpy.ROOT / ".venv/bin/micropython"), script]
    environment = {**os.environ, **settings, "MICROPYPATH": ":".join(path)}
    process = subprocess.Popen(command, cwd=mpy.ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(f"{app} does not listen at port {port}: its output is above")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def main(names):
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if not path:
        return "there is no chromium: tools/debian.sh says how to get it"
    unknown = set(names) - set(PICTURES)
    if unknown:
        return f"NAMES={','.join(names)}: want some of {','.join(PICTURES)}"
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for name in names or PICTURES:
            app, target, size, prepare = PICTURES[name]
            with running(app, os.path.join(folder, app or name)) as port:
                page = chromium.new_page(viewport=size, color_scheme="dark" if name in DARK else "light")
                page.goto(f"http://127.0.0.1:{port}{target}")
                prepare(page)
                page.screenshot(path=DOCS / f"{name}.png", full_page=size is PHONE)
                page.close()
            print(f"docs/{name}.png: {(DOCS / f'{name}.png').stat().st_size} bytes")
        chromium.close()
    return None


if __name__ == "__main__":
    sys.exit(main([name for name in ",".join(sys.argv[1:]).split(",") if name]))
