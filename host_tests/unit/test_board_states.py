# firmware/board.py goes through its states with the radio's stand-in and a clock that waits for nobody.
# PATHS are all ways through the table.

import os
import sys

import aboard
from aboard import machine, network
from raising import raised

MIN_HEAP = "256k"

# Each path is (what has happened, the state after it) from "start" on.
PATHS = {
    "no credentials": (
        ("no network is set", "portal"), ("saved", "restart"),
    ),
    "a usual start": (
        ("a network is set", "connecting"), ("connected", "running"), ("ended", "stopped"),
    ),
    "a router that starts later": (
        ("a network is set", "connecting"), ("failed", "connecting"), ("failed", "connecting"), ("connected", "running"),
        ("ended", "stopped"),
    ),
    "a wrong password": (
        ("a network is set", "connecting"), ("refused", "wrong password"), ("refused", "wrong password"), ("refused", "wrong password"),
        ("given up", "portal"), ("saved", "restart"),
    ),
    "a password that was refused once": (
        ("a network is set", "connecting"), ("refused", "wrong password"), ("failed", "connecting"), ("refused", "wrong password"),
        ("connected", "running"), ("ended", "stopped"),
    ),
    "a network that has gone, and nobody at the portal": (
        ("a network is set", "connecting"),) + (("failed", "connecting"),) * 8 + (("given up", "portal"), ("nobody came", "connecting"),
        ("connected", "running"), ("ended", "stopped"),
    ),
    "lost and back": (
        ("a network is set", "connecting"), ("connected", "running"), ("lost", "lost"), ("failed", "lost"),
        ("connected", "running"), ("ended", "stopped"),
    ),
    "lost, with another password": (
        ("a network is set", "connecting"), ("connected", "running"), ("lost", "lost"), ("refused", "lost"),
        ("ended", "stopped"),
    ),
    "a crash": (
        ("a network is set", "connecting"), ("connected", "running"), ("crashed", "crashed"), ("again", "restart"),
    ),
    "a crash while the network is lost": (
        ("a network is set", "connecting"), ("connected", "running"), ("lost", "lost"), ("crashed", "crashed"),
        ("again", "restart"),
    ),
    "three crashes": (
        ("a network is set", "connecting"), ("three crashes", "safe mode"), ("try again", "restart"),
    ),
    "three crashes, and a password that was refused once": (
        ("a network is set", "connecting"), ("refused", "wrong password"), ("three crashes", "safe mode"), ("ended", "stopped"),
    ),
    "safe mode, lost and back": (
        ("a network is set", "connecting"), ("three crashes", "safe mode"), ("lost", "safe mode"),
        ("failed", "safe mode"), ("refused", "safe mode"), ("connected", "safe mode"), ("ended", "stopped"),
    ),
    "safe mode crashes": (
        ("a network is set", "connecting"), ("three crashes", "safe mode"), ("crashed", "crashed"),
        ("in safe mode", "stopped"),
    ),
    "the portal crashes": (
        ("no network is set", "portal"), ("crashed", "crashed"), ("again", "restart"),
    ),
}  # fmt: skip


class Run:
    """One life of a board, from its reset to the next or to the prompt. `path` is what it went through.

    `script` are functions that are called one after the other, instead of the app, the portal and safe mode's page, with this run.
    """

    def __init__(self, *script, settings='{"WIFI_SSID": "home", "WIFI_PASSWORD": "password"}'):
        if settings is not None and "settings.json" not in os.listdir("."):
            aboard.put("settings.json", settings)
        for name in ("wifi", "keeper", "portal", "safe", "clock", "board"):
            sys.modules.pop(name, None)
        self.settings = aboard.power_on()
        self.settings.APP = "scripted"
        import board
        import clock
        import keeper
        import portal
        import safe
        import states

        self.script = list(script)
        self.path = []
        self.is_reset = False
        life = self

        class Machine(states.Machine):
            def happen(self, event):
                life.path.append((event, states.Machine.happen(self, event)))
                return self.state

        class Scripted:
            """What stands for the app, the portal and safe mode."""

            def __init__(self, *args):
                self.args = life.args = args

            def run(self, *args):
                return self.main()

            def main(self):
                return life.script.pop(0)(life)

        board.Machine = Machine
        clock.Clock = Sync
        portal.Portal = safe.Safe = Scripted
        sys.modules["apps.scripted"] = Scripted()  # pyright: ignore
        self.board = board.Board()
        board.machine.reset = self.reset
        self.clock = aboard.Clock(board, keeper)
        with self.clock:
            try:
                self.board.run()
            finally:
                del sys.modules["apps.scripted"]
        assert self.board.keeper is None  # it leaves nothing behind

    def reset(self):
        self.is_reset = True

    def tick(self, ms=1000):
        """A second passes in the app's loop."""
        self.clock.now += ms
        self.board.keeper.tick()

    def until(self, state, event):
        """Seconds pass until this has happened."""
        for _ in range(200):
            self.tick()
            if self.path[-1] == (event, state):
                return
        raise AssertionError(self.path)


class Sync:
    """In the place of clock.Clock, for which test_board_clock.py is: the hosts that it was made with, and in how many managers it is."""

    asked = []
    attached = []

    def __init__(self, hosts):
        self.asked.append(hosts)

    def attach(self, mgr):
        self.attached.append(mgr)


def each_board(test):
    def run():
        for name in ("esp32", "rp2"):
            network.board(name)
            machine.cause = machine.PWRON_RESET
            machine.dogs.clear()
            Sync.attached.clear()
            Sync.asked.clear()
            with aboard.Folder():
                test()

    return run


def follows(run, name):
    assert tuple(run.path) == PATHS[name], run.path
    assert run.is_reset == (run.path[-1][1] == "restart")
    assert not run.script


def home():
    network.air["home"] = "password"


def works(run):
    return "ended"


def crashes(run):
    raise ValueError("the app's bug")


# --- each path


@each_board
def test_no_credentials():
    def saves(run):
        assert network.WLAN(network.AP_IF).active()
        address, networks, message, wait_ms = run.args
        assert (address, message, wait_ms) == ("192.168.4.1", "", None)
        assert [name for name, _, _ in networks] == ["home"]
        return "saved"

    home()
    follows(Run(saves, settings=None), "no credentials")
    assert not network.WLAN(network.AP_IF).active()


@each_board
def test_a_usual_start():
    home()
    follows(Run(works), "a usual start")
    assert Sync.asked == ["pool.ntp.org"]
    assert aboard.names() == ["settings.json", "settings.json.old"]


@each_board
def test_the_time_is_asked_for_in_the_apps_loop():
    def app(run):
        import mungo.manager as manager

        with manager.Manager() as mgr:
            assert Sync.attached == ([mgr] if Sync.asked else [])
        return "ended"

    home()
    follows(Run(app), "a usual start")
    assert Sync.asked == ["pool.ntp.org"]
    Sync.asked.clear()
    Sync.attached.clear()
    aboard.put("settings.json", '{"WIFI_SSID": "home", "WIFI_PASSWORD": "password", "NTP_HOST": ""}')
    follows(Run(app), "a usual start")
    assert not Sync.asked
    aboard.put("settings.json", '{"WIFI_SSID": "home", "WIFI_PASSWORD": "password", "NTP_HOST": "ntp.example"}')
    follows(Run(app), "a usual start")
    assert Sync.asked == ["ntp.example"]


class Changes:
    """`with Changes(*passwords)`: at each try to connect the network's password is the next of these; None: it is not there."""

    def __init__(self, *passwords):
        self.passwords = list(passwords)

    def __enter__(self):
        self.plain = plain = network.WLAN.connect

        def connect(wlan, *args):
            network.air.clear()
            password = self.passwords.pop(0)
            if password:
                network.air["home"] = password
            return plain(wlan, *args)

        network.WLAN.connect = connect  # pyright: ignore

    def __exit__(self, *_):
        network.WLAN.connect = self.plain


@each_board
def test_a_router_that_starts_later():
    with Changes(None, None, "password"):
        follows(Run(works), "a router that starts later")


@each_board
def test_a_wrong_password():
    def saves(run):
        assert run.args[2] == "home says that the password is wrong." and run.args[3] == 300000
        assert not network.WLAN(network.STA_IF).active()
        return "saved"

    network.air["home"] = "another"
    follows(Run(saves), "a wrong password")


@each_board
def test_a_password_that_was_refused_once():
    with Changes("another", None, "another", "password"):
        follows(Run(works), "a password that was refused once")


@each_board
def test_a_network_that_has_gone_and_nobody_at_the_portal():
    def nobody(run):
        assert run.args[2:] == ("home can't be reached.", 300000)
        home()
        return "nobody came"

    run = Run(nobody, works)
    follows(run, "a network that has gone, and nobody at the portal")
    assert 180000 <= run.clock.slept < 200000  # three minutes


@each_board
def test_lost_and_back():
    def app(run):
        run.tick()
        network.air.clear()
        run.until("lost", "failed")
        home()
        run.until("running", "connected")
        return "ended"

    home()
    follows(Run(app), "lost and back")


@each_board
def test_lost_with_another_password():
    def app(run):
        network.air.clear()
        run.tick()
        network.air["home"] = "another"
        run.until("lost", "refused")
        return "ended"

    home()
    follows(Run(app), "lost, with another password")


@each_board
def test_a_crash_is_logged_and_the_board_restarts():
    home()
    run = Run(crashes)
    follows(run, "a crash")
    assert run.clock.slept_last == 2000
    with open("crash.log") as file:
        log = file.read()
    assert "Traceback" in log and "ValueError: the app's bug" in log and "crashes" in log, log


@each_board
def test_a_crash_while_the_network_is_lost():
    def app(run):
        network.air.clear()
        run.tick()
        crashes(run)

    home()
    follows(Run(app), "a crash while the network is lost")


@each_board
def test_the_third_crash_in_a_row_starts_safe_mode_and_not_the_app():
    import crash

    home()
    for n in (1, 2, 3):
        follows(Run(crashes), "a crash")
        assert crash.count() == n
    run = Run(lambda run: "try again")
    follows(run, "three crashes")
    assert run.args == ("scripted",) and crash.count() == 0
    follows(Run(crashes), "a crash")


@each_board
def test_three_crashes_and_a_password_that_was_refused_once():
    home()
    for _ in range(3):
        Run(crashes)
    with Changes("another", "password"):
        follows(Run(lambda run: "ended"), "three crashes, and a password that was refused once")


@each_board
def test_after_safe_mode_the_app_has_one_chance_at_each_reset():
    import crash

    home()
    for _ in range(3):
        Run(crashes)
    Run(lambda run: "ended")
    assert crash.count() == 2
    follows(Run(crashes), "a crash")
    assert Run(lambda run: "ended").path[-2] == ("three crashes", "safe mode")


@each_board
def test_safe_mode_keeps_the_network():
    def page(run):
        network.air.clear()
        run.until("safe mode", "failed")
        network.air["home"] = "another"
        run.until("safe mode", "refused")
        home()
        run.until("safe mode", "connected")
        run.tick(400000)  # longer than what makes an app a stable one
        return "ended"

    import crash

    home()
    for _ in range(3):
        Run(crashes)
    run = Run(page)
    path = []
    for entry in run.path:  # as often as it failed
        if not path or path[-1] != entry:
            path.append(entry)
    run.path = path
    follows(run, "safe mode, lost and back")
    assert crash.count() == 2


@each_board
def test_a_crash_in_safe_mode_leads_to_the_prompt():
    home()
    for _ in range(3):
        Run(crashes)
    follows(Run(crashes), "safe mode crashes")


@each_board
def test_a_crash_of_the_portal_is_one():
    follows(Run(crashes, settings=None), "the portal crashes")
    assert not network.WLAN(network.AP_IF).active()


@each_board
def test_without_credentials_the_portal_tells_of_crashes():
    def saves(run):
        assert run.args[2] == "The app scripted has crashed 3 times in a row. "
        return "saved"

    import crash

    for _ in range(3):
        crash.log("x")
    follows(Run(saves, settings=None), "no credentials")


# --- what the table promises


def test_the_table_is_what_the_paths_go_through():
    from states import TABLE

    went = set()
    for path in PATHS.values():
        state = "start"
        for event, after in path:
            assert TABLE[state][event] == after, (state, event)
            went.add((state, event))
            state = after
    for state, events in TABLE.items():
        for event, after in events.items():
            assert after in TABLE
            # The others are like one that is tested: a crash in another state, a try in another one.
            assert (state, event) in went or event == "crashed" or (state, event) in (
                ("wrong password", "given up"), ("wrong password", "connected"), ("lost", "ended")), (state, event)  # fmt: skip


def test_what_cannot_happen_is_an_error():
    from states import Machine

    it = Machine()
    assert "saved, in state start?" in str(raised(ValueError, it.happen, "saved"))
    assert it.state == "start"


def test_every_state_is_a_method():
    from board import Board
    from states import TABLE

    for state in TABLE:  # ("lost" is inside of "running")
        assert hasattr(Board, state.replace(" ", "_")) != (state == "lost"), state


# --- crashes that are forgotten, and the watchdog


@each_board
def test_after_five_minutes_the_crashes_before_are_forgotten():
    import crash

    def app(run):
        run.tick(298000)
        assert crash.count() == 2
        run.tick(3000)
        assert crash.count() == 0
        crashes(run)

    home()
    Run(crashes)
    Run(crashes)
    follows(Run(app), "a crash")
    assert crash.count() == 1


@each_board
def test_the_watchdog_is_off_by_default():
    import mungo

    def app(run):
        mungo.Manager().close()
        return "ended"

    home()
    Run(app)
    assert not machine.dogs


WATCHED = '{"WIFI_SSID": "home", "WIFI_PASSWORD": "password", "WATCHDOG_MS": 5000}'


@each_board
def test_the_loop_feeds_the_watchdog():
    import mungo

    def app(run):
        assert not machine.dogs
        mgr = mungo.Manager()
        dog = machine.dogs[0]
        assert dog.timeout == 5000 and not dog.fed
        for timer in mgr.timers.all:
            timer.due = mgr.now  # a second has passed
        mgr.poll(0)
        assert dog.fed == 1
        mungo.Manager().close()
        assert len(machine.dogs) == 1
        return "ended"

    home()
    follows(Run(app, settings=WATCHED), "a usual start")
    assert "crashes" not in aboard.names()


@each_board
def test_what_the_watchdog_ends_is_a_crash():
    import crash
    import mungo

    class PowerIsCut(BaseException):
        pass

    def hangs(run):
        mungo.Manager().close()
        marks.append(crash._read())
        raise PowerIsCut

    marks = []
    home()
    for cause, n in ((machine.WDT_RESET, 1), (machine.PWRON_RESET, 1), (machine.WDT_RESET, 2)):
        machine.cause = machine.PWRON_RESET
        raised(PowerIsCut, Run, hangs, settings=WATCHED)
        assert marks.pop()[1]
        crash._write(crash.count(), True)  # as it was: there was no time to tidy up
        machine.cause = cause
        follows(Run(works), "a usual start")
        assert crash.count() == n
        with open("crash.log") as file:
            assert file.read().count("watchdog") == n
    # A reset of which RP2 says the same, but no watchdog was on.
    Run(works)
    assert crash.count() == 2


# --- Ctrl-C, soft reset


@each_board
def test_ctrl_c_leaves_nothing_behind_workers_end_first():
    import mungo

    order = []

    def app(run):
        mgr = mungo.Manager()
        pool = mgr.workers(n=1)
        pool.submit(lambda: order.append("worked"), on_done=lambda result, er: order.append("done"))
        while "done" not in order:
            mgr.poll(100)
        kept.append((mgr, pool))
        raise KeyboardInterrupt

    kept = []
    home()
    raised(KeyboardInterrupt, Run, app)
    mgr, pool = kept[0]
    assert pool.threads == 0 and mgr.closed and mgr.conns == [] and mgr.poller is None


@each_board
def test_a_worker_that_is_stuck_is_told():
    from keeper import Keeper

    class Manager:
        def __init__(self, is_clean):
            self.is_clean = is_clean

        def close(self):
            closed.append(self.is_clean)
            return self.is_clean

    closed = []
    it = Keeper(None, None, 0)
    it.managers = [Manager(True), Manager(False), Manager(True)]
    assert not it.close() and closed == [True, False, True]
    assert it.close()


@each_board
def test_a_soft_reset_in_the_app_goes_on_when_it_is_tidy():
    import mungo

    kept = []

    def app(run):
        kept.append(mungo.Manager())
        raise SystemExit  # what machine.soft_reset does

    home()
    raised(SystemExit, Run, app)
    assert kept[0].closed
    assert mungo.Manager is not None and not hasattr(mungo.Manager(), "keeper")


@each_board
def test_a_full_flash_is_no_reason_to_stop():
    import crash

    def full(path, data):
        raise OSError(28)

    home()
    real = crash.store.write
    run = None
    try:
        crash.store.write = full
        run = Run(crashes)
    finally:
        crash.store.write = real
    follows(run, "a crash")
