# A dashboard where threads take turns at the file system, as on RP2: the loop never waits for a worker that has it.

import sys

from dashing import Page, Place
from flashing import Sharing

LANES = ("cpython", "upy")


def test_while_a_worker_has_the_flash_nothing_waits_and_nothing_is_lost():
    with Sharing() as sharing, Place() as place:
        dash = place.dash()
        threshold = dash.setting("threshold", 1)
        dash.files(place.root + "/files")
        with dash.app.test_client() as client:
            for name in ("live", "rest", "users", "openapi"):  # none of these may have to be read later
                assert "mungo.dash." + name in sys.modules
            page = Page(client)
            assert page.tell(id="threshold", value=5) == {"re": 1}
            assert client.put("/api/files/a", body=b"x").status == 201
            sharing.hold()
            assert client.get("/api/files").status == 503 and client.delete("/api/files/a").status == 503
            assert page.tell(id="threshold", value=9) == {"re": 2}
            threshold.value = 7
            page.wait("threshold", value=7)
            assert dash.saved.kept == {"threshold": 5}
            sharing.let_go()
            for _ in range(3):
                client.turn(10)
            assert dash.saved.kept == {"threshold": 7} and place.text("dash/settings.json") == '{"threshold": 7}'
            assert client.get("/api/files").json["files"] == [{"name": "a", "size": 1}]
            assert client.mgr.stats["bugs"] == 0
