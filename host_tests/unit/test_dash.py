# The device's own page: widgets and their values, and what pages and scripts are told of them.

from dashing import JSON, Page, Place
from raising import refused
from waiting import Crew

LANES = ("cpython", "upy", "upy-192k")
MIN_HEAP = "448k"


def test_a_page_gets_all_widgets_and_then_what_changes():
    with Place() as place:
        dash = place.dash()
        dash.group("Air")
        dash.metric("Temperature", unit="C", digits=1)(lambda: 21.26)
        lamp = dash.switch("Lamp")
        dash.page("Plants")
        level = dash.slider("Level", 5, max=10)
        with dash.app.test_client() as client:
            page = Page(client)
            assert page.state["title"] == "Test" and page.state["open"] and page.state["level"] == "admin"
            page.wait("temperature", value=21.3)
            page.settle()
            found = page.widgets["temperature"]
            assert (found["kind"], found["unit"], found["group"], found["page"]) == ("value", "C", "Air", "")
            found = page.widgets["level"]
            assert (found["page"], found["group"], found["min"], found["max"], found["value"]) == ("Plants", "", 0, 10, 5)
            before = page.seq
            lamp.value = True
            level.value = 7
            page.wait("level", value=7)
            assert page.widgets["lamp"]["value"] is True
            assert page.seq == before + 2 and len(page.patches[-1]["changes"]) == 2, page.patches
            lamp.value = True  # nothing has changed: nothing is sent
            assert page.settle().seq == before + 2
            assert client.mgr.stats["bugs"] == 0


def test_a_change_from_a_page_reaches_the_others_and_the_hardware():
    with Place() as place:
        dash = place.dash()
        pin = [0]

        def set(value):
            pin[0] = int(value)

        dash.switch("Lamp", get=lambda: pin[0], set=set)
        with dash.app.test_client() as client:
            one, two = Page(client), Page(client)
            assert one.tell(id="lamp", value=True) == {"re": 1}
            two.wait("lamp", value=True)
            one.wait("lamp", value=True)
            assert pin == [1]
            pin[0] = 0  # somebody has pressed a button
            one.wait("lamp", value=False)
            two.wait("lamp", value=False)
            assert client.put("/api/values/lamp", json={"value": True}).json == {"value": True}
            two.wait("lamp", value=True)
            assert pin == [1]


def test_two_pages_that_change_the_same_value_end_with_the_same_one():
    with Place() as place:
        dash = place.dash()
        level = dash.slider("Level", 0)
        with dash.app.test_client() as client:
            one, two = Page(client), Page(client)
            for n in range(10):  # both before either of them reads
                one.ws.send('{"id": "level", "value": %d}' % n)
                two.ws.send('{"id": "level", "value": %d}' % (100 - n))
            one.settle()
            two.settle()
            assert one.widgets["level"]["value"] == two.widgets["level"]["value"] == level.value
            assert one.seq == two.seq == dash.seq


WRONG = (
    ("lamp", 1),
    ("lamp", 0.0),
    ("lamp", "true"),
    ("lamp", None),
    ("lamp", [True]),
    ("level", -1),
    ("level", 101),
    ("level", 1.5),
    ("level", True),
    ("level", "5"),
    ("level", {}),
    ("ratio", 1e308),
    ("ratio", -0.1),
    ("any", 9007199254740992),
    ("any", -(10**30)),
    ("mode", "turbo"),
    ("mode", ["eco"]),
    ("mode", True),
    ("name", "x" * 9),
    ("name", "\xe9" * 5),
    ("name", "a\nb"),
    ("name", "\x7f"),
    ("name", "\0"),
    ("name", 5),
    ("name", ["x"]),
)


def set_value(widget, value):
    widget.value = value


def controls(dash):
    dash.switch("Lamp")
    dash.slider("Level", 5)
    dash.number("Ratio", 0.5, min=0, max=1)
    dash.number("Any", 0)
    dash.choice("Mode", ["eco", "fast", 1])
    dash.text("Name", "me", length=8)


def test_the_first_option_of_a_choice_is_its_value_unless_another_is_given():
    with Place() as place:
        dash = place.dash()
        assert dash.choice("Mode", ["eco", "fast"]).value == "eco"
        assert dash.choice("Speed", ["slow", "fast"], "fast").value == "fast"


def test_what_is_not_allowed_is_refused_with_a_sentence_and_changes_nothing():
    with Place() as place:
        dash = place.dash()
        controls(dash)
        with dash.app.test_client() as client:
            page = Page(client)
            for id, value in WRONG:
                before = dash.by_id[id].value
                answer = page.tell(id=id, value=value)
                assert answer["status"] == 422 and answer["error"].startswith(id + ": want"), answer
                assert answer["id"] == id and answer["value"] == before
                answer = client.put("/api/values/" + id, json={"value": value})
                assert answer.status == 422 and answer.json["error"].startswith(id + ": want"), answer.text
                refused(set_value, dash.by_id[id], value)
                assert dash.by_id[id].value == before
            for text in ("NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400, "01", '"\\ud800"', "[" * 40 + "]" * 40, '"\\x"', ""):
                for id in ("ratio", "name"):
                    answer = client.put("/api/values/" + id, headers=JSON, body='{"value": %s}' % text)
                    assert answer.status in (400, 422), (text, answer.status)
                    page.ws.send('{"re": 7, "id": "%s", "value": %s}' % (id, text))
                    page.settle()
            assert not page.patches and client.mgr.stats["bugs"] == 0


def test_what_is_allowed_is_taken():
    with Place() as place:
        dash = place.dash()
        controls(dash)
        right = (
            ("lamp", True),
            ("level", 100),
            ("level", 7.0),
            ("ratio", 1),
            ("ratio", 0.25),
            ("any", -5.5),
            ("mode", 1),
            ("name", "\xe9" * 4),
        )
        with dash.app.test_client() as client:
            page = Page(client)
            for id, value in right + (("name", ""), ("name", "<script>")):
                assert page.tell(id=id, value=value) == {"re": page.re}
                page.wait(id, value=value)
                assert dash.by_id[id].value == value
            assert type(dash.by_id["level"].value) is int


def test_messages_that_make_no_sense_are_answered_and_end_nothing():
    with Place() as place:
        dash = place.dash()
        dash.metric("Soil")(lambda: 1)
        dash.table("Rows", ["a"], [[1]])
        with dash.app.test_client() as client:
            page = Page(client)
            for message, status in (
                ({"id": "nothing", "value": 1}, 404),
                ({"id": 5, "value": 1}, 404),
                ({"id": ["a"], "value": 1}, 404),
                ({"id": {}, "run": {}}, 404),
                ({"id": "soil", "value": 1}, 405),
                ({"id": "soil", "run": {}}, 404),
                ({"id": "soil", "cancel": True}, 404),
                ({"id": "soil", "get": "history"}, 404),
                ({"id": "soil", "get": "rows"}, 404),
                ({"id": "soil"}, 400),
                ({"id": "rows", "get": "rows", "at": -1}, 422),
                ({"id": "rows", "get": "rows", "n": 101}, 422),
                ({"id": "rows", "get": "rows", "n": "1"}, 422),
                ({"id": "rows", "get": "rows", "at": 1.5}, 422),
            ):
                answer = page.tell(**message)
                assert answer["status"] == status and answer["error"], answer
            for text in ("", "[]", "5", "null", "{", '"x"', '{"re": true}', '{"re": {}}', b"\xff"):
                page.ws.send(text)
            assert page.settle().tell() == {"re": page.re, "seq": dash.seq}
            assert client.mgr.stats["bugs"] == 0


def test_a_slow_page_gets_the_newest_values_and_no_queue():
    with Place() as place:
        dash = place.dash()
        level = dash.slider("Level", 0, max=100000)
        name = dash.text("Name", length=200)
        with dash.app.test_client() as client:
            page = Page(client)
            mine = [c for c in client.mgr.conns if dash.clients and c is dash.clients[0].c][0]
            page.ws.c.is_full = True  # it does not read
            most = 0
            for n in range(300):
                level.value = n
                name.value = "%d" % n * 40
                client.turn(0)
                most = max(most, mine.out.size if mine.out else 0)
            assert 0 < most < 600, most  # bytes that wait: one message
            page.ws.c.is_full = False
            page.wait("level", value=299)  # (`read` checks that no change is missing)
            assert page.patched < 100 and page.widgets["name"]["value"] == "299" * 40
            assert page.settle().seq == dash.seq


def test_a_gap_is_mended_by_the_full_state():
    with Place() as place:
        dash = place.dash()
        for n in range(30):
            dash.slider("Level %d" % n)
        with dash.app.test_client() as client:
            page = Page(client)
            dash.by_id["level_7"].value = 9
            client.turn(0)
            client.turn(0)
            page.ws.messages.clear()  # it is lost
            page.seq = -1
            page.is_whole = False
            page.ws.send('{"get": "state"}')
            while not page.is_whole:
                page.read()
            assert page.widgets["level_7"]["value"] == 9 and len(page.widgets) == 30
            assert page.seq == dash.seq


def test_any_thread_may_set_a_value():
    with Place() as place:
        dash = place.dash()
        lamps = [dash.switch("Lamp %d" % n) for n in range(3)]
        log = dash.log()
        done = []

        def work(lamp):
            for n in range(50):
                lamp.value = not lamp.value
                log.add("%s %d" % (lamp.id, n))
            lamp.value = True
            done.append(1)

        with dash.app.test_client() as client:
            page = Page(client)
            crew = Crew()
            for lamp in lamps:
                crew.start(work, lamp)
            crew.join(client.mgr)
            for lamp in lamps:
                page.wait(lamp.id, value=True)
            assert page.settle().seq == dash.seq
            lines = Page(client).widgets["log"]["lines"]  # (of the last change it may have none)
            assert log.count == 150 and lines[-1][0] == 150, lines


def test_a_log_tells_each_page_each_line():
    with Place() as place:
        dash = place.dash()
        log = dash.log(lines=5)
        log.add("before")
        refused(log.add, "x", "fatal")
        with dash.app.test_client() as client:
            page = Page(client)
            assert [line[3] for line in page.widgets["log"]["lines"]] == ["before"]
            seen = {}
            for n in range(12):
                log.add("line %d" % n + "x" * 300, "warning")
                seq = page.seq
                while page.seq == seq:
                    page.read()
                lines = page.patches[-1]["changes"]["log"]["lines"]
                assert len(lines) == 1 or n == 0, lines  # those that it has are not sent again
                for line in lines:
                    seen[line[0]] = line
            assert sorted(seen) == list(range(2, 14)) or sorted(seen) == list(range(1, 14)), seen
            assert max([len(line[3]) for line in seen.values()]) == 160 and seen[13][2] == "warning"
            assert [line[0] for line in Page(client).widgets["log"]["lines"]] == [9, 10, 11, 12, 13]


def test_tables_are_read_by_pages():
    with Place() as place:
        dash = place.dash()
        rows = [[n, "row %d" % n] for n in range(45)]
        table = dash.table("Rows", ["n", "text"], rows)
        dash.table("Made", ["n"], lambda at, n: ([[at], [n]], 1000))
        with dash.app.test_client() as client:
            page = Page(client)
            answer = page.tell(id="rows", get="rows", at=40, n=10)
            assert answer["total"] == 45 and answer["rows"] == rows[40:]
            assert client.get("/api/rows/rows?at=3&n=2").json == {"total": 45, "rows": rows[3:5]}
            assert client.get("/api/rows/made?at=7").json == {"total": 1000, "rows": [[7], [20]]}
            for query in ("at=-1", "at=x", "n=0", "n=101", "n=1e3", "at=99999999999"):
                assert client.get("/api/rows/rows?" + query).status == 422
            rows.append([45, "new"])
            table.changed()
            page.wait("rows", value=1)


def test_long_texts_are_cut():
    with Place() as place:
        dash = place.dash()
        text = dash.value("Text", "")
        with dash.app.test_client() as client:
            page = Page(client)
            text.value = "x" * 5000
            page.wait("text", value="x" * 200)
            refused(set_value, text, float("nan"))
            refused(set_value, text, [1])
            assert page.settle().widgets["text"]["value"] == "x" * 200


def test_the_same_id_twice_and_labels_without_letters_are_errors():
    with Place() as place:
        dash = place.dash()
        dash.switch("The lamp!")
        assert list(dash.by_id) == ["the_lamp"]
        refused(lambda: dash.switch("the lamp"))
        refused(lambda: dash.switch("\u706f"))
        dash.switch("\u706f", id="lamp")
        refused(lambda: dash.metric("Fast", every_ms=50)(lambda: 1))
        refused(lambda: dash.switch("x", level="root"))
        for id in ("a b", "a/b", "../x", "<b>", "\xe9", "a.b", "%61"):
            refused(dash.switch, "x", id=id)
        assert dash.switch("x", id="Pin_5").id == "Pin_5"


def test_a_wrong_first_value_is_an_error_and_a_number_begins_within_its_limits():
    with Place() as place:
        dash = place.dash()
        for make in (
            lambda: dash.switch("Wrong", 1),
            lambda: dash.slider("Wrong", 101),
            lambda: dash.slider("Wrong", 0.5),
            lambda: dash.number("Wrong", float("nan")),
            lambda: dash.number("Wrong", max=-5),
            lambda: dash.number("Wrong", min=9, max=5),
            lambda: dash.choice("Wrong", ["a"], "b"),
            lambda: dash.text("Wrong", "x" * 65),
            lambda: dash.text("Wrong", "a\nb"),
            lambda: dash.value("Wrong", float("inf")),
            lambda: dash.value("Wrong", [1]),
            lambda: dash.setting("wrong", 500, max=100),
            lambda: dash.field("wrong", 500, max=100),
            lambda: dash.field("wrong", "x", options=["y"]),
        ):
            refused(make)
        assert not dash.widgets
        assert dash.slider("A", min=10).value == 10 and dash.slider("B", min=-5, max=5).value == -5
        assert dash.number("C", min=3).value == 3 and dash.number("D", max=3).value == 0 and dash.number("E", 7).value == 7
        with dash.app.test_client() as client:
            assert client.get("/api/values").json == {"a": 10, "b": -5, "c": 3, "d": 0, "e": 7}


def test_what_no_page_can_show_is_an_error_at_its_widget_and_ends_no_page():
    with Place() as place:
        dash = place.dash()
        value = dash.value("Value", 1, history=3)
        log = dash.log()
        shown = [5]
        dash.metric("Read", every_ms=100, history=3, digits=1)(lambda: shown[0])
        dash.switch("Got", get=lambda: 1)
        dash.choice("Odd", ["a"], get=lambda: shown[0])
        with dash.app.test_client() as client:
            page = Page(client)
            page.wait("read", value=5)
            for wrong in (10**400, -(10**400), 2**53, float("nan"), float("inf"), b"x", (), {}):
                refused(set_value, value, wrong)
                shown[0] = wrong
                while "error" not in page.widgets["read"] or "error" not in page.widgets["odd"]:
                    page.read()
                assert page.widgets["read"]["value"] == 5 and value.value == 1
                answer = client.get("/api/history/read")
                assert answer.status == 200 and None in answer.json["history"], answer.text
                shown[0] = 5
                page.wait("read", error=None)
            for right in (9007199254740991, -9007199254740991, 1e300, -1e30, "\U0001f331" * 200, None, True):
                value.value = right
                page.settle()
                assert page.tell(id="value", get="history")["history"] is not None
                assert client.get("/api/values/value").status == 200
            half = chr(0xD800)  # of a surrogate pair: no UTF-8
            value.value = "a" + half
            log.add(half)
            page.settle()
            assert page.widgets["value"]["value"] == "'a\\ud800'" and page.widgets["log"]["lines"][-1][3] == "'\\ud800'"
            assert Page(client).widgets["value"]["value"] == "'a\\ud800'" and client.mgr.stats["bugs"] == 0


def test_a_table_whose_rows_fail_says_so_and_ends_no_page():
    with Place() as place:
        dash = place.dash()
        found = []

        def rows(at, n):
            if isinstance(found[0], Exception):
                raise found[0]
            return found[0]

        dash.table("Rows", ["a"], rows)
        with dash.app.test_client() as client:
            page = Page(client)
            for wrong in (OSError(5), ValueError("no rows"), KeyError("x"), None, 5, ([[b"x"]], 1), ([[set()]], 1)):
                found[:] = [wrong]
                answer = page.tell(id="rows", get="rows")
                if answer.get("status") != 503:  # (CPython's JSON has it as an escape)
                    assert answer["rows"] == [[chr(0xD800)]], answer
                    continue
                assert answer["error"] and answer["id"] == "rows", answer
                assert client.get("/api/rows/rows").status == 503
            found[:] = [([[1, None, 0.5, "\xe9", float("nan")]], 1)]
            assert page.tell(id="rows", get="rows")["rows"] == [[1, None, 0.5, "\xe9", None]]
            assert client.mgr.stats["bugs"] == 0


def test_a_page_that_reads_slowly_gets_each_answer():
    with Place() as place:
        dash = place.dash()
        dash.table("Rows", ["a"], [["x" * 150]] * 10)
        level = dash.slider("Level", max=1000)
        with dash.app.test_client(send_limit=8192) as client:
            page = Page(client)
            page.ws.c.is_full = True  # it does not read, but asks for far more than may wait for it
            for re in range(40):
                page.ws.send('{"re": %d, "id": "rows", "get": "rows"}' % (re + 100))
                level.value = re
                client.turn(0)
            assert dash.clients[0].c.out is not None and client.mgr.stats["send_full"] == 0
            page.ws.c.is_full = False
            for re in range(100, 140):
                while re not in page.answers:
                    page.read()
                assert len(page.answers.pop(re)["rows"]) == 10
            page.wait("level", value=39)
            assert page.settle().seq == dash.seq


def test_a_widget_that_is_defined_later_reaches_open_pages():
    with Place() as place:
        dash = place.dash()
        dash.switch("One")
        with dash.app.test_client() as client:
            page = Page(client)
            dash.metric("Two")(lambda: 2)
            while "two" not in page.widgets:
                page.read()
            page.wait("two", value=2)
