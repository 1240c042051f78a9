# The files of a dashboard on a real littlefs: its power is cut at each write, it is full, or it can't be written at all.

import os

import vfs

import aboard  # noqa: F401
from cutflash import _GEOMETRY, Flash, Mounted, each_cut, make
from mungo.app import App
from mungo.dash import Dash
from raising import raised
from test_dash_users import PASSWORDS, add_users, log_in

PLACE = "yard" * 100  # so that the file needs a block
LANES = ("upy", "upy-192k")
MIN_HEAP = "704k"


def start(**options):
    """The dashboard of a start."""
    dash = Dash("Test", App(), folder="dash", **options)
    dash.app.dash = dash
    dash.setting("threshold", 1, max=1000)
    dash.setting("place", "shed", length=500)
    return dash


def put(client, id, value):
    return client.put("/api/values/" + id, json={"value": value}).status


def before():
    """A flash with settings and three users."""
    flash = make()
    with Mounted(flash):
        dash = start()
        with dash.app.test_client() as client:
            assert put(client, "threshold", 5) == put(client, "place", PLACE) == 200
        add_users(dash)
    return flash.data


def try_each_cut(change, is_old, is_new):
    """Cut the power at each write of `change(dash)`: the next start has all that was there before, or all of the new."""
    data = before()
    seen = set()
    for flash, n, is_half in each_cut(data, 100):
        with Mounted(flash):
            dash = start()
            flash.cut_at(n, is_half)
            try:
                change(dash)
            except Exception as er:  # there is no power
                assert isinstance(er, OSError) or getattr(er, "status", 0) == 507, er
        flash.cut = None
        with Mounted(Flash(flash.data)):
            dash = start()
            assert dash.settings["place"] == PLACE and sorted(dash.users.known)[0] == "anna"
            assert is_old(dash) != is_new(dash), (n, dash.settings, dash.users.known)
            seen.add(is_new(dash))
            change(dash)  # and it goes on, whatever the cut has left
            assert is_new(dash) and is_new(start())
    assert seen == {False, True}


def test_a_setting_is_the_old_one_or_the_new_one():
    try_each_cut(
        lambda dash: dash.by_id["threshold"].change(7),
        lambda dash: dash.settings["threshold"] == 5,
        lambda dash: dash.settings["threshold"] == 7,
    )


def test_a_user_is_there_or_is_not_and_the_device_never_opens():
    try_each_cut(
        lambda dash: "rita" in dash.users.known and dash.users.save("rita", None),
        lambda dash: sorted(dash.users.known) == ["anna", "ole", "rita"],
        lambda dash: sorted(dash.users.known) == ["anna", "ole"],
    )


def refused_by_flash(dash):
    """What a flash that takes nothing refuses, and what stays."""
    with dash.app.test_client() as client:
        log_in(client, "anna")
        fields = {"X-CSRF-Token": client.token}

        def ask(method, path, value):
            answer = client.request(method, path, headers=fields, json=value)
            assert answer.json["error"], answer.text
            return answer.status

        assert ask("PUT", "/api/values/threshold", {"value": 9}) == 507
        assert ask("PUT", "/api/users/ole", {"level": "read"}) == 507
        assert ask("DELETE", "/api/users/ole", None) == 507
        assert ask("POST", "/api/logout", {"everywhere": True}) == 507
        assert client.get("/api/users").status == 200  # the session goes on
        dash.by_id["threshold"].value = 8  # the program's counts until the next start
        client.turn(0)
        client.turn(0)
        assert "not saved" in client.get("/api/values/threshold").json["error"]
        assert dash.settings["threshold"] == 8 and sorted(dash.users.known) == ["anna", "ole", "rita"]
        assert client.mgr.stats["bugs"] == 0
    assert log_in_again(start()) == 200


def log_in_again(dash):
    with dash.app.test_client() as client:
        return client.post("/api/login", json={"user": "ole", "password": PASSWORDS["ole"]}).status


def test_a_full_flash():
    with Mounted(Flash(before())):
        dash = start()
        for size in (512, 64, 1):  # (in files of their own: a small one needs no block)
            raised(OSError, fill, size)
        refused_by_flash(dash)
        for name in os.listdir():
            if name[:4] == "full":
                os.remove(name)
        again = start()
        assert again.settings == {"threshold": 5, "place": PLACE}
        again.by_id["threshold"].change(9)
        assert start().settings["threshold"] == 9


def fill(size):
    """Files of so many bytes, until no more fits."""
    for n in range(1000):
        with open("full-%d-%d" % (size, n), "wb") as file:
            file.write(bytes(size))


def test_a_flash_that_can_t_be_written():
    flash = Flash(before())
    vfs.mount(vfs.VfsLfs2(flash, **_GEOMETRY), "/flash", readonly=True)
    os.chdir("/flash")
    try:
        dash = start()
        assert dash.settings == {"threshold": 5, "place": PLACE}
        refused_by_flash(dash)
    finally:
        os.chdir(aboard.ROOT)
        vfs.umount("/flash")
