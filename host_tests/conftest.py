"""What the tests share: unit tests inside the runtimes, servers for black-box tests, and the table at the end."""

import shutil
import signal

import pytest

import browsers
import device
import lanes
import nodejs
import server
import unit_items
import usb_ports

HERE = lanes.ROOT / "host_tests"
_servers = pytest.StashKey()
NODE_S = 60  # a script may take


# A shell has its background jobs ignore Ctrl-C, and what they start would inherit that.
def pytest_configure():
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# --- unit tests


def pytest_pycollect_makemodule(module_path, parent):
    if module_path.parent == HERE / "unit":
        return unit_items.UnitFile.from_parent(parent, path=module_path)


# --- servers


def pytest_generate_tests(metafunc):
    if "runtime" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("lanes")
        metafunc.parametrize("runtime", marker.args if marker else lanes.SERVER_LANES, indirect=True)


@pytest.fixture
def runtime(request):
    """The lane's name. A test with this fixture runs in the lanes of its @pytest.mark.lanes(...), else cpython, upy."""
    return request.param


@pytest.fixture
def serve(request, runtime):
    """serve(app=None, env=None, script="firmware/main.py", path=()) starts a server in this lane and returns it when it listens.

    script: a path below the root, or the name of a file in host_tests/servers/. env: its settings, besides HOST and
    PORT. path: folders that it may import from, besides lib/ and firmware/. Whatever was started is stopped after the test; a failed
    test shows what its servers printed.
    """
    started = request.node.stash[_servers] = []

    def start(app=None, env=None, script="firmware/main.py", path=()):
        if "/" not in script:
            script = f"host_tests/servers/{script}"
        settings = dict(env or {}, **({"APP": app} if app else {}))
        one = server.Server(lanes.LANES[runtime], script, settings, path)
        started.append(one)
        one.wait_ready()
        return one

    yield start
    for one in started:
        one.stop()


# --- npm's packages


@pytest.fixture(scope="session")
def node():
    """node(script, *args): the lines that a script prints, with tools/npm's packages at hand."""
    home = lanes.ROOT / "build" / "npm"
    nodejs.install(lanes.ROOT / "tools" / "npm", home)
    return lambda script, *args: nodejs.run(home, "-e", script, *args, timeout=NODE_S).splitlines()


# --- what is to be seen at USB


@pytest.fixture
def plugged(monkeypatch):
    """plugged(port, ...): these serial ports are there, each a usb_ports.Port or its name; at first none is."""

    def plug(*ports):
        found = [usb_ports.Port(port) if isinstance(port, str) else port for port in ports]
        monkeypatch.setattr(device.list_ports, "comports", lambda: found)

    plug()
    return plug


# --- a browser


# For each test a new one: while one is open, an event loop of playwright's is running in this thread, and asyncio.run refuses to.
@pytest.fixture
def browser():
    """Headless Chromium, a playwright Browser. `browser.new_page()` is a page with cookies and a cache of its own; close it."""
    if not shutil.which("chromium"):
        pytest.skip("there is no chromium: tools/debian.sh says how to get it")
    with browsers.played() as chromium:
        yield chromium


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.failed:
        for one in item.stash.get(_servers, ()):
            report.sections.append((f"output of {one.script} on {one.lane.name}", one.output()))
    return report


# --- the table at the end: how many tests ran on which runtime and heap


def pytest_collection_modifyitems(items):
    for item in items:
        item.user_properties.append(("lane", _lane_of(item)))


def _lane_of(item):
    if isinstance(item, unit_items.UnitItem):
        return item.lane.name, item.heap or "-"
    name = item.callspec.params.get("runtime") if hasattr(item, "callspec") else None
    return (name, lanes.LANES[name].heap or "-") if name else ("host", "-")


def pytest_terminal_summary(terminalreporter):
    outcomes = ("passed", "failed", "error", "skipped")
    table = {}
    for outcome in outcomes:
        for report in terminalreporter.stats.get(outcome, ()):
            lane = dict(getattr(report, "user_properties", ())).get("lane")
            if lane:
                row = table.setdefault(tuple(lane), dict.fromkeys(outcomes, 0))
                row[outcome] += 1
    if not table:
        return
    order = [*lanes.LANES, "host"]
    terminalreporter.section("tests by runtime")
    terminalreporter.write_line(f"{'lane':10} {'heap':>6}" + "".join(f" {outcome:>8}" for outcome in outcomes))
    for (name, heap), row in sorted(table.items(), key=lambda entry: order.index(entry[0][0])):
        terminalreporter.write_line(f"{name:10} {heap:>6}" + "".join(f" {row[outcome]:>8}" for outcome in outcomes))
