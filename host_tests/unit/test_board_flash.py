# A power cut in the middle of `config.save`, on a real littlefs: at each of its writes to the flash, and in the middle of each.
# The unix port has littlefs; host_tests/test_power_cut.py ends real processes, on both runtimes.

import json
import os
import sys

import aboard
from cutflash import Flash, Mounted, make

LANES = ("upy", "upy-192k")
MIN_HEAP = "192k"


def fresh(settings):
    """The content of a flash with this settings.json."""
    flash = make()
    if settings:
        with Mounted(flash):
            aboard.put("settings.json", settings)
            aboard.power_on()
    return bytes(flash.data)


def cut_at(data, n, is_half, changes):
    """Save `changes`, with the power cut at the n-th write; returns the flash, and whether the save was through before."""
    flash = Flash(data)
    with Mounted(flash):
        aboard.power_on()
        import config

        flash.cut = n
        flash.is_half = is_half
        flash.done = 0
        try:
            config.save(changes)
        except OSError:
            return flash, False
    return flash, True


def each_cut(settings, changes, allowed):
    """Cut at each write: what the next start finds must be one of `allowed`, (SSID, app), and it can be written again."""
    data = fresh(settings)
    seen = []
    for is_half in (False, True):
        n = 0
        is_through = False
        while not is_through:
            n += 1
            flash, is_through = cut_at(data, n, is_half, changes)
            flash.cut = None
            with Mounted(Flash(flash.data)):
                app = aboard.power_on().APP
                import config

                found = (config.get("WIFI_SSID"), app)
                assert found in allowed, (n, is_half, found)
                assert found == allowed[-1] or not is_through
                if found not in seen:
                    seen.append(found)
                assert not [name for name in os.listdir() if name.endswith(".new")], os.listdir()
                config.save({"WIFI_SSID": "later"})
                with open("settings.json") as file:
                    assert json.loads(file.read())["WIFI_SSID"] == "later"
            assert n < 200
        print("%d writes" % (n - 1))
        assert n > 3
    assert len(seen) == len(allowed), seen  # the power was cut before and after the change


def test_the_first_settings_are_there_or_not():
    each_cut(None, {"WIFI_SSID": "home", "APP": "hello"}, [("", "multi_threaded"), ("home", "hello")])


def test_changed_settings_are_the_old_ones_or_the_new_ones():
    each_cut('{"WIFI_SSID": "old", "APP": "hello"}', {"WIFI_SSID": "new"}, [("old", "hello"), ("new", "hello")])


def test_long_settings_are_whole_too():
    # More than what littlefs keeps beside a file's name: blocks of its own.
    long = {"WIFI_SSID": "s" * 32, "WIFI_PASSWORD": "p" * 64, "NTP_HOST": "n" * 80, "BACKEND": "b" * 60 + ":8001", "AP_SSID": "a" * 32}
    old = dict(long)
    old["APP"] = "hello"
    each_cut(json.dumps(old), {"WIFI_SSID": "new", "APP": "app" * 10}, [("s" * 32, "hello"), ("new", "app" * 10)])


def test_a_start_that_is_cut_while_it_keeps_the_settings():
    data = fresh(None)
    flash = Flash(data)
    with Mounted(flash):
        aboard.put("settings.json", '{"WIFI_SSID": "home"}')
    data = bytes(flash.data)
    n = 0
    while True:
        n += 1
        flash = Flash(data)
        flash.cut = n
        with Mounted(flash):
            aboard.power_on()  # as it is, but the copy for later; that is not a reason to fail
            import config

            assert config.get("WIFI_SSID") == "home"
        is_through = flash.done < n
        flash.cut = None
        with Mounted(Flash(flash.data)):
            aboard.power_on()
            import config

            assert config.get("WIFI_SSID") == "home"
        if is_through:
            break
    assert n > 3


def test_the_crash_log_and_the_count_are_whole():
    import crash

    data = fresh('{"WIFI_SSID": "home"}')
    flash = Flash(data)
    with Mounted(flash):
        crash.log("one")
    data = bytes(flash.data)
    n = 0
    is_through = False
    while not is_through:
        n += 1
        flash = Flash(data)
        with Mounted(flash):
            flash.cut = n
            try:
                crash.log("two")
                is_through = True
            except OSError as er:
                assert er.errno == 5
        flash.cut = None
        with Mounted(Flash(flash.data)):
            count = crash.count()
            text = crash.text()
            assert "one\n" in text and count in (1, 2), (count, text)
            assert count == 1 or "two\n" in text
            assert not is_through or count == 2
    assert n > 3


def test_a_full_flash_says_so_and_keeps_what_was_there():
    with Mounted(Flash(fresh('{"WIFI_SSID": "old"}'))):
        aboard.power_on()
        import config

        size = 8192
        while size > 15:
            try:
                with open("fill%d" % size, "wb") as file:
                    file.write(bytes(size))
            except OSError:
                size //= 2
                continue
            size //= 2
        try:
            backend = "y" * 60 + ":8001"
            config.save({"NTP_HOST": "x" * 80, "BACKEND": backend, "WIFI_PASSWORD": "z" * 60, "AP_SSID": "a" * 32, "APP": "b" * 40})
        except OSError as er:
            sys.print_exception(er)
        else:
            raise AssertionError("there was room")
        assert config.get("NTP_HOST") == "pool.ntp.org"
        aboard.power_on()
        import config

        assert config.get("WIFI_SSID") == "old" and "settings.json.new" not in os.listdir()
