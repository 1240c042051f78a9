# An update of 300 KB comes while two pages of a dashboard are open: what one of them switches, the other shows.

import mungo.ota as ota
from dashing import Page, Place
from otaboard import Board, bundle

LANES = ("cpython", "upy")


def test_a_dashboard_stays_live_while_300_kb_come():
    data = bundle({"x%d" % n: bytes(range(256)) * 120 for n in range(10)})
    assert len(data) > 300000
    with Place() as place:
        dash = place.dash()
        lamp = dash.switch("Lamp")
        dash.updates()
        with dash.app.test_client(rx_bytes=1440) as web:
            one, two = Page(web), Page(web)
            assert web.post("/api/update", body=b"x").status == 409
            with Board():  # (its folder has no library: what loads late has loaded)
                upload = web.open("POST", "/api/update", [], data, None, None)
                steps = set()
                turns = 0
                while upload.answer is None:
                    turns += 1
                    assert one.tell(id="lamp", value=turns & 1 == 1) == {"re": turns}
                    two.wait("lamp", value=lamp.value)
                    steps.add(web.get("/api/update").json["step"])
                assert upload.answer.status == 200 and turns > 10 and "write" in steps, (turns, steps)
                assert one.settle().seq == two.settle().seq == dash.seq
                assert ota.state()["next"] == 1 and web.mgr.stats["bugs"] == 0
