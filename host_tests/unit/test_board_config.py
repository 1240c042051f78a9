# firmware/config.py and settings.py: settings.json is checked, and a slip in it changes nothing.

import json
import os

import aboard
from raising import raised

MIN_HEAP = "100k"


def wrong(text):
    """What is said of this content."""
    import schema

    return str(raised(ValueError, schema.parse, text if isinstance(text, bytes) else text.encode()))


def test_apps_get_what_settings_json_says():
    with aboard.Folder():
        aboard.put("settings.json", '{"APP": "hello", "PORT": 8080, "DELAY_MS": 0, "IDLE_MS": 500, "BELL": "ring"}')
        settings = aboard.power_on()
        assert settings.IS_BOARD
        assert (settings.APP, settings.PORT, settings.DELAY_MS, settings.BELL) == ("hello", 8080, 0, "ring")
        assert (settings.HOST, settings.LIMITS) == ("0.0.0.0", {"idle_ms": 500})


def test_without_a_file_each_setting_has_its_default():
    with aboard.Folder():
        settings = aboard.power_on()
        assert (settings.APP, settings.HOST, settings.PORT, settings.DELAY_MS) == ("multi_threaded", "0.0.0.0", 80, 2000)
        import config

        assert config.get("WIFI_SSID") == "" and config.get("HOSTNAME") == "mungo" and config.get("WATCHDOG_MS") == 0
        assert aboard.names() == []


def test_an_unknown_name_is_named_with_those_that_there_are():
    said = wrong('{"SSID": "home"}')
    assert "SSID" in said and "WIFI_SSID" in said and "HOSTNAME" in said, said


def test_a_wrong_value_is_told_with_what_is_right():
    for text, parts in (
        ('{"PORT": "80"}', ("PORT", '"80"', "whole number, 1 to 65535")),
        ('{"PORT": true}', ("PORT", "true", "whole number")),
        ('{"PORT": 80.5}', ("PORT", "80.5", "whole number")),
        ('{"PORT": null}', ("PORT", "null", "whole number")),
        ('{"PORT": 65536}', ("PORT", "65536", "1 to 65535")),
        ('{"PORT": -1}', ("PORT", "-1")),
        ('{"LOG": 2}', ("LOG", "0 to 1")),
        ('{"APP": 7}', ("APP", "7", "text")),
        ('{"APP": ""}', ("APP", "1 to 40 bytes")),
        ('{"APP": "../x"}', ("APP", "'.'")),
        ('{"BELL": "gong"}', ("BELL", "gong", "ring")),
        ('{"COUNTRY": "de"}', ("COUNTRY", "'d'")),
        ('{"COUNTRY": "DEU"}', ("COUNTRY", "nothing, or 2 to 2 bytes")),
        ('{"HOSTNAME": "my_lamp"}', ("HOSTNAME", "'_'")),
        ('{"WIFI_SSID": "%s"}' % ("x" * 33), ("WIFI_SSID", "0 to 32")),
        ('{"WIFI_SSID": ["home"]}', ("WIFI_SSID", "text")),
        ('{"WATCHDOG_MS": 1999}', ("WATCHDOG_MS", "0, or a whole number, 2000 to 8388")),
        ("[]", ("object",)),
        ("{", ("no JSON",)),
        ("", ("no JSON",)),
        ('{"APP": "hello"} x', ("no JSON",)),
        (b'{"APP": "\xff"}', ("no JSON",)),
        ('{"APP": "%s"}' % ("x" * 5000), ("at most 4096",)),
    ):
        said = wrong(text)
        for part in parts:
            assert part in said, (text, said)


def test_lists_in_lists_need_no_stack():
    for depth in (1, 40, 2000):
        said = wrong('{"PORT": %s1%s}' % ("[" * depth, "]" * depth))
        assert "PORT: [..]: want a whole number" in said or depth == 2000 and ("memory" in said or "no JSON" in said), said
        assert wrong('{"PORT": %s' % ("[" * depth))


def test_half_a_character_is_none():
    for text in ('{"WIFI_SSID": "\\ud83d"}', '{"WIFI_SSID": "a\\udfff"}'):
        assert wrong(text)


def test_a_password_is_never_printed():
    said = wrong('{"WIFI_PASSWORD": "secret!"}')
    assert "secret" not in said and "nothing, or 8 to 64 bytes" in said, said


def test_empty_is_right_where_it_means_something():
    import schema

    for text in ('{"WIFI_SSID": ""}', '{"WIFI_PASSWORD": ""}', '{"COUNTRY": ""}', '{"NTP_HOST": ""}', '{"WATCHDOG_MS": 0}', "{}",
                 ' {"WIFI_SSID": "caf\u00e9 \u2615", "WIFI_PASSWORD": "pass word"}\n'):  # fmt: skip
        schema.parse(text.encode())


def wrong_values(name):
    """Values that a setting must not have, of each kind: of another type, too small, too large, too long, with what must not be in it."""
    import schema

    default, least, most, allowed = schema.KEYS[name]
    if name in schema._NUMBERS or isinstance(default, int):
        # (0 switches the watchdog off.)
        found = ["", "abc", "1", "-1", "1e3", "0x10", " 1", None, True, [], {"a": 1}, 1.5, -1, -(10**12), most + 1, 10**30]
        return found + ([least - 1] if least else [])
    found = [0, 7, None, False, [], ["x"], {}, 2.5, "x" * (most + 1), "\x00", "a\nb", "a\x1b[31m"]
    if name in ("HOST", "BACKEND", "URL"):
        found += [
            "x",
            "a b",
            "999.1.1.1",
            "1.2.3",
            "http://",
            "//",
            "@",
            ":",
            "1.2.3.4:0",
            "1.2.3.4:99999",
            "user:pw@1.2.3.4:80",
            "[::1",
            "::1",
        ]
    if isinstance(allowed, tuple):
        found += ["gong", "UDP", " "]
    elif allowed is not None:
        found += ["a/b", "a.b", " ", "\u00e9"]
    if least > 1:
        found.append("x" * (least - 1))
    return found


def test_each_setting_refuses_each_kind_of_wrong_value():
    import schema

    for name in schema.KEYS:
        for value in wrong_values(name):
            said = str(raised(ValueError, schema.check, name, value))
            assert said.startswith(name + ": ") and ("want " in said or "must not be in it" in said) and "\n" not in said, said


def test_places_may_have_names_but_what_is_listened_at_has_an_address():
    import schema

    for name, value in (
        ("URL", "http://example.com/x?y"),
        ("URL", "http://10.0.0.7:8000"),
        ("URL", "http://[::1]:80/"),
        ("URL", ""),
        ("BACKEND", "server.local:80"),
        ("BACKEND", "10.0.0.7:80"),
        ("HOST", "localhost"),
        ("HOST", "10.0.0.7"),
        ("HOST", "[::1]"),
    ):
        schema.check(name, value)
    assert "want an address" in str(raised(ValueError, schema.check, "HOST", "server.local"))


def test_after_a_slip_the_old_settings_stay():
    with aboard.Folder():
        aboard.put("settings.json", '{"APP": "hello", "PORT": 8080}')
        aboard.power_on()
        for slip in ('{"APP": "hello", "PROT": 8081}', '{"PORT": "8081"}', '{"PORT": 8081', ""):
            aboard.put("settings.json", slip)
            for _ in range(2):  # and at the next start still
                settings = aboard.power_on()
                assert (settings.APP, settings.PORT) == ("hello", 8080), slip
            with open("settings.json") as file:
                assert file.read() == slip  # for its author to see
        aboard.put("settings.json", '{"APP": "hello", "PORT": 8081}')
        assert aboard.power_on().PORT == 8081


def test_what_checks_the_settings_takes_no_memory_afterwards():
    import sys

    with aboard.Folder():
        aboard.put("settings.json", '{"PORT": 8080}')
        aboard.power_on()
        import config

        assert "schema" not in sys.modules
        config.save({"WIFI_SSID": "home"})
        raised(ValueError, config.save, {"PORT": "x"})
        assert "schema" not in sys.modules


def test_who_removes_the_file_gets_the_defaults():
    with aboard.Folder():
        aboard.put("settings.json", '{"PORT": 8080, "WIFI_SSID": "home"}')
        aboard.power_on()
        os.remove("settings.json")
        assert aboard.power_on().PORT == 80
        import config

        assert config.get("WIFI_SSID") == ""


def test_save_goes_on_from_what_counts():
    with aboard.Folder():
        aboard.put("settings.json", '{"PORT": 8080}')
        aboard.power_on()
        aboard.put("settings.json", '{"PORT": 8080, "PROT": 1}')
        aboard.power_on()
        import config

        config.save({"WIFI_SSID": "home"})
        with open("settings.json") as file:
            assert json.loads(file.read()) == {"PORT": 8080, "WIFI_SSID": "home"}


def test_every_setting_has_a_default_here_or_in_settings_py():
    import schema

    with aboard.Folder():
        settings = aboard.power_on()
        for name in schema.KEYS:
            at = hasattr(settings, name) or name in ("HEAD_MS", "BODY_MS", "IDLE_MS", "WRITE_MS")
            assert at or name in schema.defaults(), name
        for name in dir(settings):
            assert name.upper() != name or name[0] == "_" or name in ("IS_BOARD", "LIMITS", "MANAGER") or name in schema.KEYS, name


def test_save_changes_some_and_keeps_the_others():
    with aboard.Folder():
        aboard.put("settings.json", '{"APP": "hello"}')
        aboard.power_on()
        import config

        config.save({"WIFI_SSID": "home", "WIFI_PASSWORD": "pass word"})
        assert config.get("WIFI_SSID") == "home"
        with open("settings.json") as file:
            assert json.loads(file.read()) == {"APP": "hello", "WIFI_SSID": "home", "WIFI_PASSWORD": "pass word"}
        before = aboard.names()
        for changes in ({"WIFI_SSID": "x" * 33}, {"WIFI_PASSWORD": "short"}, {"NAME": "x"}, {"WIFI_SSID": "x", "PORT": "80"}):
            raised(ValueError, config.save, changes)
            assert config.get("WIFI_SSID") == "home"
        assert aboard.names() == before
        settings = aboard.power_on()
        assert settings.APP == "hello"
        import config

        assert config.get("WIFI_PASSWORD") == "pass word"


def test_settings_that_cannot_be_kept_do_not_keep_a_board_from_starting():
    with aboard.Folder():
        aboard.put("settings.json", '{"PORT": 8080}')
        os.mkdir("settings.json.old.new")  # so it can't be written
        try:
            assert aboard.power_on().PORT == 8080
        finally:
            os.rmdir("settings.json.old.new")
