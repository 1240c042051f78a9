# The files of a dashboard, its API beside asyncio and in an App with routes of its own, and settings.

import os

from dashing import JSON, Page, Place
from mungo.dash import Dash
from raising import raised, refused

LANES = ("cpython", "upy", "upy-192k")
MIN_HEAP = "512k"


def test_files_are_listed_sent_and_removed():
    with Place() as place:
        dash = place.dash()
        dash.files(place.root + "/files", limit=1000)
        with dash.app.test_client() as client:
            assert Page(client).state["files"] is True
            assert client.get("/api/files").json["files"] == []
            for name, data in (("b.txt", b"b" * 1000), ("a%20%C3%A9.bin", b""), ("%3Cscript%3E", b"x")):
                answer = client.put("/api/files/" + name, body=data)
                assert answer.status == 201 and answer.json["size"] == len(data), answer.text
            assert client.put("/api/files/b.txt", body=b"new").status == 201
            os.mkdir(place.root + "/files/folder")
            found = client.get("/api/files").json["files"]
            assert found == [{"name": "_script_", "size": 1}, {"name": "a \xe9.bin", "size": 0}, {"name": "b.txt", "size": 3}], found
            answer = client.get("/api/files/b.txt")
            assert answer.body == b"new" and answer.headers["Content-Disposition"].startswith("attachment")
            assert client.put("/api/files/folder", body=b"x").status == 409
            assert client.put("/api/files/big", body=b"x" * 1001).status == 413
            assert client.delete("/api/files/b.txt").status == 204 and client.delete("/api/files/b.txt").status == 404
            assert client.delete("/api/files/a%20%C3%A9.bin").status == 204
            assert [one["name"] for one in client.get("/api/files").json["files"]] == ["_script_"]
            assert client.mgr.stats["bugs"] == 0


def test_the_folder_of_files_is_not_around_the_dashboard_s_own():
    with Place() as place:
        dash = place.dash()
        for folder in ("", ".", "/", place.root, place.root + "/", place.root + "/dash", place.root + "/dash/"):
            refused(dash.files, folder)
        assert not dash.has_files


def test_settings_are_kept_and_what_the_file_has_is_checked():
    with Place() as place:
        got = []

        def settings(dash):
            return [
                dash.setting("threshold", 40, min=0, max=100, set=got.append),
                dash.setting("ratio", 0.5),
                dash.setting("on", True),
                dash.setting("name", "me", length=4),
                dash.setting("mode", "eco", options=["eco", "fast"]),
            ]

        dash = place.dash()
        threshold, ratio, on, name, mode = settings(dash)
        assert dash.settings == {"threshold": 40, "ratio": 0.5, "on": True, "name": "me", "mode": "eco"}
        with dash.app.test_client() as client:
            page = Page(client)
            assert [page.widgets[id]["kind"] for id in dash.settings] == [dash.by_id[id].fields["kind"] for id in dash.settings]
            assert page.tell(id="threshold", value=70) == {"re": 1} and got == [70]
            name.value = "you"  # by the program: the loop saves it
            page.wait("name", value="you")
        again = place.dash()
        settings(again)
        assert again.settings == {"threshold": 70, "ratio": 0.5, "on": True, "name": "you", "mode": "eco"}
        with open(place.root + "/dash/settings.json", "w") as file:
            file.write('{"threshold": 900, "ratio": "x", "on": 1, "name": "too long", "mode": "turbo", "gone": 1}')
        wrong = place.dash()
        settings(wrong)
        assert wrong.settings == {"threshold": 40, "ratio": 0.5, "on": True, "name": "me", "mode": "eco"}
        for text in ("", "{", "[]", "\xff"):
            with open(place.root + "/dash/settings.json", "w") as file:
                file.write(text)
            settings(place.dash())
        refused(dash.setting, "list", [])
        refused(dash.setting, "high", 500, max=100)


def test_a_check_of_the_program_s_own():
    with Place() as place:
        dash = place.dash()

        def even(value):
            if value % 2:
                raise ValueError("want an even number")
            return value

        dash.setting("n", 2, check=even)
        with dash.app.test_client() as client:
            page = Page(client)
            assert page.tell(id="n", value=3)["error"] == "want an even number"
            assert page.tell(id="n", value=4) == {"re": 2}


def test_a_check_that_fails_or_returns_what_can_t_be_is_told():
    with Place() as place:
        dash = place.dash()
        calls = []

        def check(value):
            calls.append(value)
            return 1 / 0 if value == 3 else None if value == 4 else "x" if value == 5 else 10 * value

        number = dash.setting("n", 4, check=check, max=100)
        with dash.app.test_client() as client:
            page = Page(client)
            for value, words in ((3, "ZeroDivisionError"), (5, "want a whole number"), (50, "want a whole number")):
                answer = page.tell(id="n", value=value)
                assert answer["status"] == 422 and words in answer["error"] and answer["value"] == 4, answer
                assert client.put("/api/values/n", json={"value": value}).status == 422
            del calls[:]
            assert page.tell(id="n", value=7) == {"re": page.re} and calls == [7]  # it is asked once
            page.wait("n", value=70)
            assert (number.value, dash.settings["n"], place.text("dash/settings.json")) == (70, 70, '{"n": 70}')
            assert page.tell(id="n", value=4) == {"re": page.re} and number.value == 4
            assert client.mgr.stats["bugs"] == 0


def test_what_the_hardware_refuses_is_not_saved_and_what_is_not_saved_is_not_set():
    with Place() as place:
        dash = place.dash()
        motor = []

        def set(value):
            if value == 9:
                raise OSError(5)
            motor.append(value)

        speed = dash.setting("speed", 4, set=set)
        with dash.app.test_client() as client:
            page = Page(client)
            assert page.tell(id="speed", value=5) == {"re": 1} and motor == [5]
            for ask in (
                lambda: page.tell(id="speed", value=9)["status"],
                lambda: client.put("/api/values/speed", json={"value": 9}).status,
            ):
                assert ask() == 503
                client.turn(0)
                assert (speed.value, dash.settings, place.text("dash/settings.json")) == (5, {"speed": 5}, '{"speed": 5}')
            os.mkdir(place.root + "/dash/settings.json.new")  # no file can be there
            answer = page.tell(id="speed", value=6)
            assert (answer["status"], answer["value"], motor[-1]) == (507, 5, 5), (answer, motor)
            page.settle()
            assert (speed.value, dash.settings, place.text("dash/settings.json")) == (5, {"speed": 5}, '{"speed": 5}')
            os.rmdir(place.root + "/dash/settings.json.new")
            assert page.tell(id="speed", value=6) == {"re": page.re} and motor[-1] == 6
            assert client.mgr.stats["bugs"] == 0


def test_a_setting_that_can_t_be_saved_is_refused_and_stays():
    with Place() as place:
        dash = place.dash()
        threshold = dash.setting("threshold", 40)
        with open(place.root + "/dash", "w") as file:
            file.write("no folder")
        with dash.app.test_client() as client:
            page = Page(client)
            answer = page.tell(id="threshold", value=5)
            assert answer["status"] == 507 and answer["value"] == 40, answer
            assert client.put("/api/values/threshold", json={"value": 5}).status == 507
            assert threshold.value == 40 == dash.settings["threshold"]
            threshold.value = 6  # the program's counts, and the page says that it is not saved
            page.wait("threshold", value=6)
            page.settle()
            assert "not saved" in page.widgets["threshold"]["error"]


def test_several_values_at_once_are_all_or_none():
    with Place() as place:
        dash = place.dash()
        dash.switch("Lamp")
        dash.slider("Level")
        with dash.app.test_client() as client:
            assert client.put("/api/values", json={"lamp": True, "level": 500}).status == 422
            assert client.put("/api/values", json={"lamp": True, "nothing": 1}).status == 404
            assert dash.by_id["lamp"].value is False
            assert client.put("/api/values", json={"lamp": True, "level": 5}).json == {"lamp": True, "level": 5}
            assert client.get("/api/values").json == {"lamp": True, "level": 5}
            assert client.put("/api/values/lamp", headers=JSON, body="").status == 422


def test_beside_the_routes_of_the_program_and_under_asyncio():
    with Place() as place:
        dash = place.dash(path="/panel")
        dash.switch("Lamp")
        dash.app.get("/")(lambda req: "mine\n")
        dash.app.get("/api/mine")(lambda req: "mine, too\n")
        for options in ({}, {"asyncio": True}):
            with dash.app.test_client(**options) as client:
                assert client.get("/").text == "mine\n" and client.get("/api/mine").text == "mine, too\n"
                assert client.get("/panel", headers={"Accept-Encoding": "gzip"}).status in (200, 404)
                assert client.put("/api/values/lamp", json={"value": True}).json == {"value": True}
                page = Page(client)
                assert page.tell(id="lamp", value=False) == {"re": 1}
                page.wait("lamp", value=False)
                assert client.get("/api/nothing").status == 404 and client.get("/nothing").status == 404
                assert client.mgr.stats["bugs"] == 0
        assert raised(ValueError, Dash, "Twice", dash.app, folder=place.root)
