"""The page of mungo.dash in browsers: each widget, two people at once, users, files, updates, a device that goes away and returns.

servers/dash.py is the device. A FarAway without delay is between it and the pages where it ends and begins again, on another port.
"""

import contextlib
import gzip
import http.client
import json
import re
import runpy
import shutil
import time
from pathlib import Path

import pytest

import browsers
import lanes
import pack
from far_away import FarAway
from thorough import times

pytestmark = pytest.mark.lanes("upy")
WAIT_MS = 60000
PHONE, WIDE = {"width": 390, "height": 844}, {"width": 1400, "height": 900}
WWW = lanes.ROOT / "firmware/www/dash"
PAGES = ["", "Settings", "Work", "Device", ":files", ":update", ":account"]
# The violations of axe's rules that are serious or critical, as text.
AXE = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
    .filter(one => ["serious", "critical"].includes(one.impact)).map(one => one.id + ": " + one.nodes.map(node => node.html).join(" "))"""


@pytest.fixture(scope="module")
def browser():
    """One for the module: nothing here runs an event loop in this thread."""
    if not shutil.which("chromium"):
        pytest.skip("there is no chromium: tools/debian.sh says how to get it")
    with browsers.played() as chromium:
        yield chromium


class Device:
    """servers/dash.py, which keeps its files in `folder`. `put` is what its program does, `get` what a script asks."""

    def __init__(self, serve, folder, path=(), **env):
        self.server = serve(script="dash.py", env={"FOLDER": folder, **env}, path=path)
        self.port = self.server.port
        self.url = f"http://127.0.0.1:{self.port}"

    def ask(self, method, path, value=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            body = None if value is None else json.dumps(value)
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def put(self, id, value):
        assert self.ask("PUT", f"/set/{id}", value) == (200, b"done\n")

    def get(self, id):
        status, body = self.ask("GET", f"/api/values/{id}")
        assert status == 200, body
        return json.loads(body)["value"]


@pytest.fixture
def device(serve, tmp_path):
    return Device(serve, tmp_path)


@pytest.fixture
def visit(browser):
    """visit(url, path="", **options): the page of a new visitor, with cookies and a cache of its own. At the end no script may have
    failed, no console have complained, and nothing be asked for elsewhere. `may_lose`: consoles complain of what is refused or lost."""
    complaints = []
    contexts = []

    def visit(url, path="", may_lose=False, **options):
        context = browser.new_context(**{"viewport": WIDE, **options})
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()

        def hear(message):
            if message.type in ("error", "warning") and not may_lose:
                complaints.append(message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith((url, "data:", "blob:")) else complaints.append(request.url))
        page.goto(f"{url}/#/{path}")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


def until(page, expression, arg=None):
    """Wait until the expression, or the function of `arg`, is true there. (Playwright's own wait has the page eval, which it forbids.)"""
    end = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(expression, arg):
        assert time.monotonic() < end, expression
        time.sleep(0.02)


def card(page, label):
    """The widget with this label."""
    return page.locator(".card").filter(has=page.get_by_role("heading", name=label, exact=True))


def says(place, text):
    """Wait until this text is there."""
    place.get_by_text(text).first.wait_for()


def switched(page, name, is_on):
    page.locator(f"button[role=switch][aria-checked={'true' if is_on else 'false'}]").and_(
        page.get_by_role("switch", name=name, exact=True)
    ).wait_for()


def chosen(page, label, value):
    """Wait until the field or slider has this value."""
    field = page.locator("input, select").and_(page.get_by_label(label, exact=True))
    field.wait_for()
    until(page, "([field, value]) => field.value === value", [field.element_handle(), value])


# --- one page changes, another shows it


def test_each_control_that_is_changed_in_one_page_is_seen_in_another(device, visit):
    one, other = visit(device.url), visit(device.url)
    one.get_by_role("switch", name="Switch", exact=True).click()
    switched(other, "Switch", True)
    one.get_by_role("slider", name="Slider").press("ArrowRight")
    chosen(other, "Slider", "15")
    says(card(other, "Slider"), "15 %")
    one.get_by_role("combobox", name="Choice").select_option("7")
    chosen(other, "Choice", "2")
    one.get_by_role("textbox", name="Level").fill("9")
    one.get_by_role("textbox", name="Level").press("Enter")
    chosen(other, "Level", "9")
    one.get_by_role("textbox", name="Name").fill("Zoë <b>")
    card(one, "Name").get_by_role("button", name="Save").click()
    chosen(other, "Name", "Zoë <b>")
    one.get_by_role("switch", name="Slow").click()  # a worker needs 300 ms
    switched(one, "Slow", True)
    switched(other, "Slow", True)
    values = {"switch": True, "slider": 15, "choice": 7, "level": 9, "name": "Zoë <b>", "slow": True}
    assert {id: device.get(id) for id in values} == values


def test_each_setting_that_is_changed_in_one_page_is_seen_in_another_and_kept(device, visit, tmp_path):
    one, other = visit(device.url, "Settings"), visit(device.url, "Settings")
    one.get_by_role("textbox", name="Threshold").fill("55")
    card(one, "Threshold").get_by_role("button", name="Save").click()
    chosen(other, "Threshold", "55")
    one.get_by_role("combobox", name="Mode").select_option("night")
    chosen(other, "Mode", "1")
    one.get_by_role("switch", name="Heating").click()
    switched(other, "Heating", False)
    one.get_by_role("textbox", name="Place").fill("the old shed")
    one.get_by_role("textbox", name="Place").press("Enter")
    chosen(other, "Place", "the old shed")
    kept = json.loads((tmp_path / "dash/settings.json").read_text())
    assert kept == {"threshold": 55, "mode": "night", "heating": False, "place": "the old shed", "fives": 10}


def test_what_the_program_changes_is_seen_in_all_pages(device, visit):
    pages = [visit(device.url), visit(device.url, viewport=PHONE)]
    device.put("number", -3.25)
    device.put("text", "<img src=x onerror='document.title=1'>")
    device.put("boolean", True)
    device.put("gauge", 85)
    device.put("switch", True)
    for page in pages:
        says(card(page, "Number"), re.compile(r"^-3\.[23] °C$"))
        says(card(page, "Text"), "<img src=x onerror='document.title=1'>")
        says(card(page, "Boolean"), "yes")
        says(card(page, "Gauge"), "alarm")
        meter = page.get_by_role("meter", name="Gauge")
        assert (meter.get_attribute("aria-valuenow"), meter.get_attribute("aria-valuetext")) == ("85", "85 %, alarm")
        switched(page, "Switch", True)
        says(card(page, "Failing"), "ENOENT")
        assert page.locator("main img").count() == 0 and page.title() == "Home – Test <b>bench</b>"
    # What a screen reader is told: the states, and that a threshold was passed.
    said = pages[0].locator("[aria-live=polite]")
    device.put("gauge", 70)
    until(pages[0], "([said]) => said.textContent === 'Gauge: 70 %, warn'", [said.element_handle()])
    device.put("switch", False)
    until(pages[0], "([said]) => said.textContent === 'Switch: no'", [said.element_handle()])


def test_a_history_is_a_plot_which_its_own_file_draws(device, visit):
    page = visit(device.url, "Settings")
    page.get_by_role("switch", name="Heating").wait_for()
    loaded = "performance.getEntriesByType('resource').filter(one => one.name.includes('/plot-')).length"
    assert page.evaluate(loaded) == 0
    device.put("wave", 8)
    page.get_by_role("link", name="Home").click()
    plot = card(page, "Wave").get_by_role("img")
    plot.locator("canvas").wait_for()
    until(page, "plot => plot.ariaLabel.includes('highest 8')", plot.element_handle())
    assert page.evaluate(loaded) == 1
    device.put("wave", 2)
    until(page, "plot => plot.ariaLabel.includes('lowest 2')", plot.element_handle())


def test_actions_show_their_progress_and_end_in_all_pages(device, visit):
    one, other = visit(device.url, "Work"), visit(device.url, "Work")
    # A question comes first. Escape is no, and the focus returns.
    button = one.get_by_role("button", name="Water now")
    button.click()
    says(one.get_by_role("dialog"), "Is the hose connected?")
    one.keyboard.press("Escape")
    one.get_by_role("dialog").wait_for(state="detached")
    assert one.evaluate("document.activeElement.textContent") == "Water now"
    button.click()
    one.get_by_role("dialog").get_by_role("button", name="Water now").click()
    for quarter in range(1, 4):
        device.put("gate", quarter)
        for page in (one, other):
            page.locator(f"progress[value='{25 * quarter}']").wait_for()
    assert other.get_by_role("button", name="Water now").is_disabled()
    device.put("gate", 4)
    for page in (one, other):
        says(page, "12 litres")
    # It is cancelled in the other page.
    other.get_by_role("button", name="Water now").click()
    other.get_by_role("dialog").get_by_role("button", name="Water now").click()
    one.get_by_role("button", name="Cancel").click()
    for page in (one, other):
        says(page.locator(".bad"), "cancelled")
    # One that fails, and one with fields: the device refuses a wrong one.
    one.get_by_role("button", name="Fail").click()
    says(other, "no water")
    one.get_by_role("button", name="Greet").click()
    dialog = one.get_by_role("dialog")
    dialog.get_by_label("Whom").fill("Anna")
    dialog.get_by_label("Times").fill("4")
    dialog.get_by_label("Loud").check()
    dialog.get_by_role("button", name="Greet").click()
    says(one, "times: want a whole number, 1 to 3")
    one.get_by_role("button", name="Greet").click()
    dialog.get_by_label("Whom").fill("Anna")
    dialog.get_by_label("Times").fill("2")
    dialog.get_by_label("Loud").check()
    dialog.get_by_label("Times").press("Enter")
    for page in (one, other):
        says(page, "Hello ANNA Hello ANNA")


def test_a_time_that_an_action_asks_for_is_that_of_the_browser(device, visit):
    page = visit(device.url, "Work", timezone_id="Asia/Kathmandu")
    before = int(time.time())
    page.get_by_role("button", name="Set the clock").click()
    page.get_by_role("dialog").get_by_role("button", name="Set the clock").click()
    told = page.locator("section.card .good").filter(has_text=re.compile(r"^\d+ s$"))
    told.wait_for()
    assert before <= int(told.text_content().split()[0]) <= time.time()


def test_tables_are_paged_and_logs_have_levels(device, visit):
    page = visit(device.url, "Work")
    table = card(page, "Table")
    says(table, "1 to 10 of 25")
    table.get_by_role("button", name="Rows after").click()
    table.get_by_role("button", name="Rows after").click()
    says(table, "21 to 25 of 25")
    says(table, "row 24")
    assert table.get_by_role("button", name="Rows after").is_disabled()
    device.put("table", [[n, "<i>new %d</i>" % n] for n in range(22)])
    says(table, "<i>new 21</i>")
    log = page.get_by_role("log", name="Log")
    device.put("log", ["the tank is <u>low</u>", "warning"])
    device.put("log", ["the tank is empty", "error"])
    says(log, "the tank is empty")
    page.get_by_label("Log: show").select_option("warning and worse")
    log.get_by_text("begun").wait_for(state="detached")
    assert [
        line.partition(" ")[0] for line in log.locator("li").evaluate_all("lines => lines.map(one => one.lastElementChild.textContent)")
    ] == [
        "error",
        "warning",
    ]


# --- the device decides


def test_what_the_device_refuses_is_told_beside_the_field_and_the_old_value_is_there(device, visit):
    one, other = visit(device.url), visit(device.url)
    for label, wrong, sentence in (
        ("Level", "10", "level: want a whole number, 0 to 9"),
        ("Level", "4.5", "level: want a whole number, 0 to 9"),
        ("Level", "NaN", "level: want a whole number, 0 to 9"),
        ("Level", "", "level: want a whole number, 0 to 9"),
        ("Name", "x" * 17, "at most 16 bytes"),
    ):
        one.get_by_role("textbox", name=label).fill(wrong)
        one.get_by_role("textbox", name=label).press("Enter")
        says(card(one, label).get_by_role("alert"), sentence)
        chosen(one, label, {"Level": "4", "Name": "anna"}[label])
        assert one.get_by_role("textbox", name=label).get_attribute("aria-invalid") == "true"
    one.get_by_role("switch", name="Broken").click()
    says(card(one, "Broken"), "the pin does not answer")
    switched(one, "Broken", False)
    assert (device.get("level"), device.get("name"), device.get("broken")) == (4, "anna", False)
    chosen(other, "Level", "4")
    # What is right again removes it.
    one.get_by_role("textbox", name="Level").fill("5")
    one.get_by_role("textbox", name="Level").press("Enter")
    chosen(other, "Level", "5")
    card(one, "Level").locator(".bad").wait_for(state="detached")


def test_a_value_that_the_device_rounds_is_shown_as_the_device_has_it(device, visit):
    page = visit(device.url, "Settings")
    for given, rounded in (("17", "15"), ("19", "15")):
        page.get_by_role("textbox", name="Fives").fill(given)
        page.get_by_role("textbox", name="Fives").press("Enter")
        chosen(page, "Fives", rounded)
    assert device.get("fives") == 15


def test_a_draft_stays_when_another_page_changes_the_value(device, visit):
    one, other = visit(device.url), visit(device.url)
    one.get_by_role("textbox", name="Name").fill("bert")
    other.get_by_role("textbox", name="Name").fill("carl")
    other.get_by_role("textbox", name="Name").press("Enter")
    says(card(one, "Name"), "The device has: carl")
    chosen(one, "Name", "bert")
    card(one, "Name").get_by_role("button", name="Discard").click()
    chosen(one, "Name", "carl")


def test_two_pages_change_the_same_value_at_once_and_end_with_the_same(device, visit):
    pages = [visit(device.url), visit(device.url)]
    for page in pages:
        page.get_by_role("slider", name="Slider").wait_for()
        # Each drags for itself, as fast as it can.
        page.evaluate("""() => { window.drag = async (values) => {
            const slider = document.querySelector("input[type=range]")
            for (const value of values) {
                slider.value = value
                slider.dispatchEvent(new Event("input", {bubbles: true}))
                document.querySelector("button[role=switch]").click()
                await new Promise(resolve => setTimeout(resolve))
            }
        } }""")
    shown = "[document.querySelector('input[type=range]').value, document.querySelector('button[role=switch]').ariaChecked]"
    for n in range(times(5, 100)):
        begun = [
            page.evaluate_handle(
                "values => { window.dragged = drag(values).then(() => true); return null }", [5 * k, 50 - 5 * k, 5 * n % 55]
            )
            for k, page in enumerate(pages)
        ]
        assert len(begun) == 2
        for page in pages:
            assert page.evaluate("dragged")
            until(page, "!document.querySelector('main').textContent.includes('…')")
        device.put("text", f"round {n}")  # what comes after it has come, too
        for page in pages:
            says(card(page, "Text"), f"round {n}")
        truth = [str(device.get("slider")), str(device.get("switch")).lower()]
        assert [page.evaluate(shown) for page in pages] == [truth, truth]


# --- away and back


def test_pages_return_with_the_full_state_when_the_device_is_killed_and_restarted(serve, tmp_path, visit):
    device = Device(serve, tmp_path)
    with FarAway(device.port, delay=0, rate=1e9) as far:
        url = f"http://127.0.0.1:{far.port}"
        pages = [visit(url, path, may_lose=True) for path in ("", "Settings", "Work")]
        pages[0].get_by_role("switch", name="Switch", exact=True).click()
        switched(pages[0], "Switch", True)
        pages[1].get_by_role("textbox", name="Threshold").fill("77")
        pages[1].get_by_role("textbox", name="Threshold").press("Enter")
        card(pages[1], "Threshold").get_by_role("button", name="Save").wait_for(state="detached")
        while device.get("threshold") != 77:
            pass
        device.server.proc.kill()
        for page in pages:
            says(page.get_by_role("alert"), re.compile(r"The device is away since \d"))
        # What is asked for meanwhile is not done, and that is told.
        pages[0].get_by_role("switch", name="Switch", exact=True).click()
        says(card(pages[0], "Switch"), "The device is away. Nothing was changed.")
        switched(pages[0], "Switch", True)
        pages[1].get_by_role("textbox", name="Place").fill("a draft")
        device = Device(serve, tmp_path)
        device.put("number", 99)
        device.put("log", ["begun again", "info"])
        far.target = device.port
        for page in pages:
            page.get_by_text("The device is away since").wait_for(state="detached")
        switched(pages[0], "Switch", False)
        says(card(pages[0], "Number"), "99")
        chosen(pages[1], "Threshold", "77")
        chosen(pages[1], "Place", "a draft")
        says(pages[2].get_by_role("log"), "begun again")
        assert pages[2].get_by_role("log").locator("li").count() == 2  # those of the new run alone
        # And all is live again.
        pages[0].get_by_role("switch", name="Switch", exact=True).click()
        switched(pages[0], "Switch", True)
        assert device.get("switch") is True


def test_a_page_waits_until_the_device_has_a_place_for_it(serve, tmp_path, visit):
    device = Device(serve, tmp_path, LIMITS='{"max_streams": 1}')
    first = visit(device.url)
    switched(first, "Switch", False)
    second = visit(device.url, may_lose=True)
    says(second.get_by_role("alert"), "The device has no place for another page")
    first.close()
    second.evaluate("dispatchEvent(new Event('online'))")  # it tries at once, if it does not by itself
    switched(second, "Switch", False)
    second.get_by_text("no place").wait_for(state="detached")


# --- users


def log_in(page, name, password):
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()


def test_the_first_password_users_with_levels_and_logging_out_everywhere(device, visit):
    one, other = visit(device.url, may_lose=True), visit(device.url, may_lose=True)  # (a refused request is told to the console)
    switched(other, "Switch", False)
    one.get_by_role("link", name="Set the first password").click()
    one.get_by_label("Name").fill("anna")
    one.get_by_label("Password", exact=True).fill("correct horse")
    one.get_by_role("button", name="Set the password").click()
    says(one, "Your level is admin")
    # The other page has to log in from here on.
    other.get_by_role("button", name="Log in").wait_for()
    assert other.get_by_role("switch").count() == 0
    log_in(other, "anna", "wrong horse")
    says(other.get_by_role("alert"), "the name or the password is wrong")
    # A user who only reads.
    new = card(one, "New user")
    new.get_by_label("Name").fill("bert")
    new.get_by_label("Password").fill("battery staple")
    new.get_by_label("Level").select_option("read: sees all")
    new.get_by_role("button", name="Add").click()
    says(new, "bert may log in now.")
    log_in(other, "bert", "battery staple")
    switched(other, "Switch", False)
    assert other.get_by_role("switch", name="Switch", exact=True).is_disabled()
    assert other.get_by_role("slider").is_disabled() and other.get_by_role("combobox", name="Choice").is_disabled()
    # More rights, in the page that is open.
    one.get_by_label("Level of bert").select_option("operate")
    other.get_by_role("button", name="Log in").wait_for()
    log_in(other, "bert", "battery staple")
    other.get_by_role("switch", name="Switch", exact=True).click()
    switched(other, "Switch", True)
    # Logging out everywhere reaches the other browser.
    third = visit(device.url, may_lose=True)
    log_in(third, "anna", "correct horse")
    switched(third, "Switch", True)
    one.get_by_role("button", name="Log out everywhere").click()
    one.get_by_role("dialog").get_by_role("button", name="Log out").click()
    for page in (one, third):
        page.get_by_role("button", name="Log in").wait_for()
    switched(other, "Switch", True)


# --- files and updates


def test_files_are_sent_listed_fetched_and_deleted(device, visit, tmp_path):
    page = visit(device.url, "%3Afiles", may_lose=True)
    says(page, "There are no files yet.")
    data = bytes(range(256)) * 400
    page.get_by_label("Upload").set_input_files([{"name": "a <b> & ü.bin", "mimeType": "a/b", "buffer": data}])
    says(page.get_by_role("status").first, "a <b> & ü.bin is on the device.")
    (file,) = [one for one in (tmp_path / "files").iterdir() if not one.name.startswith(".")]
    assert file.read_bytes() == data
    with page.expect_download() as download:
        page.get_by_role("link", name=file.name).click()
    assert Path(download.value.path()).read_bytes() == data
    page.get_by_label("Upload").set_input_files([{"name": "large.bin", "mimeType": "a/b", "buffer": bytes(200001)}])
    page.locator(".bad").wait_for()
    page.get_by_role("button", name=f"Delete {file.name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    says(page, "There are no files yet.")
    assert not file.exists()


def test_an_update_that_is_refused_says_why(serve, visit, tmp_path):
    device = Device(serve, tmp_path, UPDATE="This bundle was not signed with the device's key.")
    page = visit(device.url, "%3Aupdate", may_lose=True)
    says(page, "The device runs version 3, and takes bundles for TEST.")
    page.get_by_label("Bundle").set_input_files([{"name": "app.bundle", "mimeType": "a/b", "buffer": bytes(300000)}])
    says(page.get_by_role("alert"), "This bundle was not signed with the device's key.")


def test_an_update_is_sent_started_and_kept(serve, visit, tmp_path):
    device = Device(serve, tmp_path, UPDATE="")
    page = visit(device.url, "%3Aupdate")
    page.get_by_label("Bundle").set_input_files([{"name": "app.bundle", "mimeType": "a/b", "buffer": bytes(300000)}])
    says(page, "Version 4 is in flash and right.")
    page.get_by_role("button", name="Restart").click()
    page.get_by_role("dialog").get_by_role("button", name="Restart").click()
    says(page, "Version 4 is on trial")
    page.get_by_role("button", name="Keep it now").click()
    page.get_by_text("on trial").wait_for(state="detached")
    says(page, "The device runs version 4")


# --- how it looks, and what it costs


def test_every_page_fits_and_is_accessible_in_light_and_dark(serve, visit, node, tmp_path):
    (path,) = node("console.log(require.resolve('axe-core/axe.min.js'))")
    axe = "() => {%s}" % Path(path).read_text()
    device = Device(serve, tmp_path, UPDATE="")
    device.put("gauge", 85)
    device.put("log", ["the tank is low", "warning"])
    device.put("log", ["the tank is empty", "error"])
    device.ask("PUT", "/api/files/notes.txt", {"a": 1})
    page = visit(device.url)
    page.evaluate(axe)
    for name in PAGES:
        page.evaluate("name => location.hash = '#/' + encodeURIComponent(name)", name)
        page.locator("[aria-current=page]").wait_for()
        until(page, "name => document.querySelector('[aria-current]').hash === '#/' + encodeURIComponent(name)", name)
        page.locator("main .card").first.wait_for()
        if name == "Work":
            page.get_by_role("button", name="Greet").click()
        for size in (PHONE, WIDE):
            page.set_viewport_size(size)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], (name, size)
            for scheme, paper in (("light", "rgb(250, 248, 244)"), ("dark", "rgb(21, 24, 26)")):
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate("getComputedStyle(document.body).backgroundColor") == paper
                assert page.evaluate(AXE) == [], (name, size, scheme)
        if name == "Work":
            page.keyboard.press("Escape")


def test_it_is_used_by_keyboard_alone(device, visit):
    page = visit(device.url)
    switched(page, "Switch", False)

    def tab_to(name):
        for _ in range(60):
            page.keyboard.press("Tab")
            if (
                page.evaluate(
                    "document.activeElement.ariaLabel || document.activeElement.labels?.[0]?.textContent || "
                    "document.getElementById(document.activeElement.getAttribute('aria-labelledby'))?.textContent || "
                    "document.activeElement.textContent"
                )
                == name
            ):
                return
        raise AssertionError(name)

    tab_to("Switch")
    page.keyboard.press("Space")
    switched(page, "Switch", True)
    tab_to("Slider")
    page.keyboard.press("End")
    says(card(page, "Slider"), "50 %")
    tab_to("Name")
    page.keyboard.type("!")
    tab_to("Save")
    page.keyboard.press("Enter")
    while device.get("name") not in ("anna!", "!"):
        pass
    # A page that is chosen gets the focus: the next Tab is in it.
    page.evaluate("document.activeElement.blur()")
    tab_to("Work")
    page.keyboard.press("Enter")
    until(page, "document.activeElement === document.querySelector('main')")
    tab_to("Fail")
    page.keyboard.press("Enter")
    says(page, "no water")


def test_the_first_paint_takes_three_requests_and_30_kb(device, browser):
    context = browser.new_context()
    page = context.new_page()
    asked, answers = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("response", lambda response: answers.append(response))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.goto(f"{device.url}/#/Settings")
    page.get_by_role("switch", name="Heating").wait_for()
    names = [re.sub("-[0-9a-f]{8}", "", url.partition("//")[2].partition("/")[2]) for url in asked if not url.startswith("data:")]
    assert names == ["", "dash/dash.js", "api/live"]
    sizes = [int(answer.headers["content-length"]) for answer in answers if not answer.url.startswith("data:")]
    assert len(sizes) == 2 and sum(sizes) <= 30 * 1024 and {answer.headers["content-encoding"] for answer in answers} == {"gzip"}
    # The second time the browser has it.
    del answers[:]
    page.reload()
    page.get_by_role("switch", name="Heating").wait_for()
    entries = "['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))"
    seen = page.evaluate(entries + ".map(one => one.transferSize)")
    assert len(seen) == 2 and sum(seen) < 1000, seen
    context.close()


def test_the_page_in_the_repository_is_what_its_sources_make(tmp_path):
    build = runpy.run_path(lanes.ROOT / "tools/dash_page/build.py")["build"]
    build(tmp_path / "page")
    made, kept = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in (tmp_path / "page", WWW))
    assert made.keys() == kept.keys() and made == kept, "run make dash-page"
    (licences,) = (gzip.decompress(data).decode() for name, data in kept.items() if name.startswith("licences-"))
    assert all(f"\n{name} " in licences for name in ("preact", "uplot")) and licences.count("Copyright (c)") == 2


def test_the_page_is_served_from_a_packed_module(serve, visit, tmp_path):
    (tmp_path / "dash_www.py").write_text(pack.pack(WWW))
    device = Device(serve, tmp_path, PACKED="dash_www", path=[tmp_path])
    page = visit(device.url)
    card(page, "Wave").locator("canvas").wait_for()


def test_no_source_of_the_page_makes_html_of_text():
    for path in (lanes.ROOT / "tools/dash_page/src").iterdir():
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(", path.read_text(), re.I), path


# --- browsers of other makes


@pytest.fixture(params=[browsers.Firefox, browsers.WebKit], ids=lambda make: make.__name__)
def other_make(request):
    missing = request.param.missing()
    if missing:
        pytest.skip("missing: %s; tools/debian.sh says how to get programs" % ", ".join(missing))
    with request.param() as one:
        yield one


def test_the_main_paths_in_firefox_and_webkit(serve, tmp_path, other_make):
    device = Device(serve, tmp_path)
    button = "document.querySelector('button[role=switch]')"
    with FarAway(device.port, delay=0, rate=1e9) as far:
        people = [other_make.person(k) for k in range(2)]
        for person in people:
            person.load(f"http://127.0.0.1:{far.port}/")
            person.until(f"{button}?.getAttribute('aria-checked')", "false")
        one, other = people
        one.evaluate(f"{button}.click()")
        other.until(f"{button}.getAttribute('aria-checked')", "true")
        slider = "document.querySelector('input[type=range]')"
        one.evaluate(f"(({slider}.value = 35), {slider}.dispatchEvent(new Event('input', {{bubbles: true}})))")
        other.until(f"{slider}.value", "35")
        device.put("number", 42.5)
        for person in people:
            person.until("document.querySelector('main').textContent.includes('42.5 °C')", True)
            person.until("!!document.querySelector('.plot canvas')", True)
        device.server.proc.kill()
        for person in people:
            person.until("document.querySelector('main').textContent.includes('The device is away since')", True)
        device = Device(serve, tmp_path)
        far.target = device.port
        for person in people:
            person.until("document.querySelector('main').textContent.includes('The device is away since')", False)
            person.until(f"{button}.getAttribute('aria-checked')", "false")


# What people do, in a page of any make: they press buttons, fill in fields and choose files, all by their names.
HANDS = """(() => {
    const named = (root, tag, name) => [...root.querySelectorAll(tag)].find(one => one.textContent.trim().startsWith(name))
    window.find = (tag, name, root = document.querySelector('dialog[open]') ?? document) => named(root, tag, name)
    window.press = (name) => { const one = find('button', name), can = !!one && !one.disabled; if (can) one.click(); return can }
    window.fill = (label, value) => {
        const one = find('label', label).querySelector('input')
        one.value = value
        one.dispatchEvent(new Event('input', {bubbles: true}))
        return one.value
    }
    window.choose = (label, name, size) => {
        const one = find('label', label).querySelector('input'), files = new DataTransfer()
        files.items.add(new File([new Uint8Array(size).fill(7)], name))
        one.files = files.files
        one.dispatchEvent(new Event('change', {bubbles: true}))
        return one.files.length
    }
    window.says = (text) => document.body.textContent.includes(text)
    return true
})()"""


def test_users_files_and_updates_in_firefox_and_webkit(serve, tmp_path, other_make):
    device = Device(serve, tmp_path, UPDATE="")
    person = other_make.person(0)
    person.load(f"{device.url}/#/%3Aaccount")
    assert person.evaluate(HANDS)
    # The first password: it makes an admin, who is logged in.
    person.until("!!find('button', 'Set the password')", True)
    assert person.evaluate("fill('Name', 'anna') + fill('Password', 'correct horse')") == "annacorrect horse"
    assert person.evaluate("press('Set the password')")
    person.until("says('Your level is admin')", True)
    # A file goes and comes, and is deleted.
    person.evaluate("location.hash = '#/%3Afiles'")
    person.until("says('There are no files yet.')", True)
    assert person.evaluate("choose('Upload', 'a.bin', 70000)") == 1
    person.until("says('a.bin is on the device.')", True)
    assert (tmp_path / "files/a.bin").read_bytes() == b"\7" * 70000
    person.until("!!find('a', 'a.bin') && find('a', 'a.bin').getAttribute('href')", "/api/files/a.bin")
    assert person.evaluate("press('Delete')")
    person.until("!!document.querySelector('dialog[open]')", True)
    assert person.evaluate("press('Delete')")
    person.until("says('There are no files yet.')", True)
    # An update is sent, begun and kept.
    person.evaluate("location.hash = '#/%3Aupdate'")
    person.until("says('The device runs version 3')", True)
    assert person.evaluate("choose('Bundle', 'app.bundle', 300000)") == 1
    person.until("says('Version 4 is in flash and right.')", True)
    assert person.evaluate("press('Restart')")
    person.until("!!document.querySelector('dialog[open]')", True)
    assert person.evaluate("press('Restart')")
    person.until("says('Version 4 is on trial')", True)
    assert person.evaluate("press('Keep it now')")
    person.until("says('on trial')", False)
    # Logged out, the name and the password bring everything back.
    person.evaluate("location.hash = '#/%3Aaccount'")
    person.until("press('Log out')", True)
    person.until("!!find('button', 'Log in')", True)
    person.evaluate("fill('Name', 'anna') + fill('Password', 'correct horse')")
    assert person.evaluate("press('Log in')")
    person.until("says('Your level is admin')", True)
