# A fleet's boards: their presence, their names, and what is too large for one message.

import json
import time

from fleetwire import ANSWER, ID, Board
from raising import raised
from waiting import turns, until

MIN_HEAP = "640k"


def presences(board):
    """What the board says about itself: [(its JSON, whether retained)]."""
    turns(board.mgr, 2)
    return [(json.loads(one[1]), one[3]) for one in board.wire.published if one[0] == "s/present/b"]


def attached(board):
    """Connect, without waiting for the name."""
    board.fleet.attach(board.mgr)
    board.wire = board.mgr.wires[-1]
    board.wire.accept()


def test_the_client_is_what_a_board_needs():
    with Board() as board:
        attached(board)
        options = board.wire.options
        assert options["id"] == "b-" + board.fleet.boot and len(board.fleet.boot) == 8 and options["clean"] is True
        assert options["properties"]["session_expiry_interval"] == 0 and options["properties"]["receive_maximum"] == 40
        topic, payload, qos, retain, properties = options["will"]
        assert (topic, qos, retain) == ("s/present/b", 1, True) and properties == {"message_expiry_interval": 90}
        assert json.loads(payload) == {"name": "b", "boot": board.fleet.boot, "gone": True}
        assert [one[0] for one in board.wire.subscribed] == ["s/present/b", "s/board/b/+/+"]


def test_a_fleet_that_can_not_be_is_the_callers_error():
    from mqttwire import client
    from mungo.fleet import Fleet

    def one(site="s", id="b", version=5, **options):
        will = options.pop("will", None)
        return Fleet(client(id=id, version=version, will=will), site, **options)

    for options in (
        {"site": ""},
        {"site": "a/b"},
        {"id": ""},
        {"id": "a+"},
        {"version": 4},
        {"will": ("a", "b", 0, True)},
        {"offline": "no"},
        {"queue": 0},
        {"lease_ms": 99},
    ):
        raised(ValueError, one, **options)
    assert one(name="c", queue=1, lease_ms=100).name == "c"


def test_a_board_claims_its_name_and_then_says_what_it_can_do():
    with Board(info={"app": "1.2"}) as board:
        board.fleet.job("job", at_once=3)(lambda data: data)
        attached(board)
        ((claim, retained),) = presences(board)
        assert claim == {"name": "b", "boot": board.fleet.boot, "claim": True} and not retained
        assert not board.fleet.is_ready
        until(lambda: board.fleet.is_ready, board.mgr)
        _, (said, retained) = presences(board)
        assert retained and said["jobs"] == {"job": [3, 0]} and said["app"] == "1.2" and said["up_s"] < 60
        assert said["mungo"] and said["system"] and said["boot"] == board.fleet.boot
        board.lose()
        board.come_back()
        assert [one[0]["jobs"] for one in presences(board)] == [{"job": [3, 0]}]  # at once


def test_a_name_that_another_board_has_is_refused():
    with Board() as board:
        attached(board)
        board.present("b", "ffffffff", jobs={}, retain=True)
        wire = board.wire
        from mungo.mqtt.packets import Message

        kept = Message("s/present/b", 1, 0)  # retained: of a board that may be gone
        kept.payload = b'{"boot": "00000000"}'
        wire.emit(16, kept)
        assert board.mqtt.stats["state"] != "stopped"


def test_the_answer_to_a_claim_ends_the_board():
    for boot, more, is_refused in (
        ("ffffffff", {"jobs": {}}, True),
        ("00000000", {"jobs": {}}, True),
        ("00000000", {"claim": True}, True),
        ("ffffffff", {"claim": True}, False),
        ("ffffffff", {"gone": True}, False),
    ):
        with Board() as board:
            attached(board)
            board.present("b", boot, **more)
            turns(board.mgr, 3)
            assert board.wire.is_disconnected is is_refused, (boot, more)
            assert board.fleet.presence.is_refused is is_refused
            if is_refused:
                assert "another board has this name" in board.mqtt.log.lines[-1] + board.mqtt.log.lines[-2]


def test_a_board_keeps_its_name_and_answers_those_that_claim_it():
    for boot, more, is_refused in (
        ("00000000", {"claim": True}, False),
        ("ffffffff", {"claim": True}, False),
        ("ffffffff", {"jobs": {}}, False),
        ("00000000", {"jobs": {}}, True),  # both have had it, while the broker was two
        ("00000000", {"gone": True}, False),  # the late will of an earlier start
    ):
        with Board() as board:
            board.join()
            n = len(presences(board))
            board.present("b", boot, **more)
            assert board.fleet.presence.is_refused is is_refused, (boot, more)
            assert len(presences(board)) == n + (not is_refused)


def test_the_presence_follows_changes_and_is_renewed():
    with Board() as board:
        board.fleet.job("job")(lambda data: data)
        board.join()
        n = len(presences(board))
        part = board.fleet.presence
        now = part.said
        part.look(time.ticks_add(now, 29000))
        assert len(presences(board)) == n
        part.look(time.ticks_add(now, 30000))
        assert len(presences(board)) == n + 1
        board.fleet.worker.offers["job"].busy = 1
        part.look(time.ticks_add(part.said, 4000))
        assert len(presences(board)) == n + 1
        part.look(time.ticks_add(part.said, 5000))
        assert presences(board)[-1][0]["jobs"] == {"job": [1, 1]}


def test_the_others_are_known_when_they_are_watched():
    with Board() as board:
        board.join()
        assert board.fleet.boards == {}
        board.fleet.watch()
        board.fleet.watch()
        assert [one[0] for one in board.wire.subscribed].count("s/present/+") == 1
        board.present("w", "1", jobs={"job": [1, 0]})
        board.present("v", "2", jobs={}, signal=-60)
        board.present("x", "3", claim=True)
        board.present("y", None, b"no json")
        assert sorted(board.fleet.boards) == ["v", "w"] and board.fleet.boards["v"]["signal"] == -60
        board.present("w", "1", gone=True)
        board.present("v", None, b"")
        assert board.fleet.boards == {}
        for n in range(140):
            board.present("w%d" % n, "1")
        assert len(board.fleet.boards) == 128
        assert board.fleet.presence.offers("job")  # who knows?


def test_a_board_that_submits_keeps_no_more_than_names_and_jobs_until_a_program_watches():
    with Board() as board:
        board.join()
        board.submit(1)
        part = board.fleet.presence
        for name in ("v", "w"):
            board.present(name, "1", jobs={"b": [1, 0], "a": [2, 1]}, signal=-60)
        assert part.others["v"][0] == ("a", "b") and part.others["v"][0] is part.others["w"][0]
        part.since = time.ticks_add(time.ticks_ms(), -2000)
        assert part.offers("a") and not part.offers("c")
        board.present("x", "1", jobs=5)
        assert part.others["x"][0] == ()
        pattern = "s/present/+"
        assert [one[0] for one in board.wire.subscribed].count(pattern) == 1
        assert board.fleet.boards == {}  # the broker says it all again:
        turns(board.mgr, 1)
        assert [one[0] for one in board.wire.subscribed].count(pattern) == 2
        assert part.offers("c")  # not all are known yet
        board.present("v", "1", jobs={"b": [1, 0]}, signal=-60)
        assert board.fleet.boards["v"]["signal"] == -60
        part.since = time.ticks_add(time.ticks_ms(), -2000)
        assert part.offers("b") and not part.offers("a")
        board.fleet.watch()
        board.submit(2)
        turns(board.mgr, 1)
        assert [one[0] for one in board.wire.subscribed].count(pattern) == 2 and "v" in board.fleet.boards


def test_a_board_that_falls_silent_is_forgotten():
    with Board() as board:
        board.join()
        board.fleet.watch()
        board.present("w", "1", jobs={"job": [1, 0]})
        part = board.fleet.presence
        part.since = time.ticks_add(time.ticks_ms(), -2000)
        assert part.offers("job") and not part.offers("other")
        part.others["w"] = (part.others["w"][0], time.ticks_add(time.ticks_ms(), -91000))
        assert not part.offers("job") and board.fleet.boards == {}


def test_the_fleet_is_shown_to_an_app():
    with Board() as board:
        show = board.fleet.show
        board.join()
        board.present("w", "1", jobs={})
        about = show(None)
        assert about["site"] == "s" and about["name"] == "b" and list(about["boards"]) == ["w"] and about["stats"]["done"] == 0


def test_large_data_is_fetched_piece_by_piece():
    with Board() as board:
        got = []
        board.fleet.job("job")(lambda data: got.append(data) or bytes(3000))
        board.join()
        receipt = board.bring_job("job", b"", user_property=[("size", "5000")])
        assert receipt.given is None
        data = bytes([n % 250 for n in range(5000)])
        for at in (0, 2048, 4096):
            ((topic, payload, properties),) = board.said()
            assert topic == "s/board/boss/get/b" and payload == b"" and properties["user_property"] == [("at", str(at))]
            assert properties["response_topic"] == "s/board/b/piece" and properties["correlation_data"] == ID
            board.bring("piece", ID, data[at : at + 2048], user_property=[("at", str(at))])
            board.bring("piece", ID, data[at : at + 2048], user_property=[("at", str(at))])  # twice
        assert got == [data] and receipt.given == 0
        ((topic, payload, properties),) = board.said()
        assert topic == ANSWER and payload == b"" and properties["user_property"] == [("size", "3000")]
        pieces = b""
        for at in (0, 2048):
            board.bring("get", ID, response_topic="s/board/boss/piece", user_property=[("at", str(at))])
            ((topic, payload, properties),) = board.said()
            assert topic == "s/board/boss/piece/b" and properties["user_property"] == [("at", str(at))]
            pieces += payload
        assert pieces == bytes(3000)
        board.order("ask")
        assert board.said()[0][2]["user_property"] == [("size", "3000")]


def test_a_get_that_is_lost_is_repeated_and_a_piece_that_is_not_there_is_the_end():
    with Board() as board:
        got = []
        board.fleet.job("job")(got.append)
        board.join()
        board.bring_job("job", b"", user_property=[("size", "5000")])
        assert board.kinds() == ["get"]
        board.wait_said("get")
        board.bring("piece", ID, b"", user_property=[("at", "0")])
        assert not got and not board.fleet.worker.runs and board.stats["cancelled"] == 1
        for size in ("65537", "-1", "x"):
            board.bring_job("job", b"", size.encode(), user_property=[("size", size)])
        assert not got and not board.fleet.worker.runs


def test_large_data_is_sent_and_a_large_result_fetched():
    with Board() as board:
        board.join()
        board.submit(bytes(3000))
        ((_, payload, properties),) = board.said()
        id = properties["correlation_data"]
        assert payload == b"" and properties["user_property"] == [("size", "3000")]
        board.bring("get", id, sender="w", response_topic="s/board/w/piece", user_property=[("at", "2048")])
        assert board.said()[0][1] == bytes(952)
        board.bring("done", id, b"", sender="w", user_property=[("size", "3")])
        board.bring("done", id, b"", sender="w", user_property=[("size", "3")])
        ((topic, _, _),) = board.said()
        assert topic == "s/board/w/get/b"
        assert board.stats["duplicates"] == 1
        board.bring("piece", id, b"abc", sender="w", user_property=[("at", "0")])
        assert board.done == [(b"abc", None)]
        board.bring("get", id, sender="w", response_topic="s/board/w/piece", user_property=[("at", "0")])
        assert board.said()[0][1] == b""


def test_few_large_results_are_kept():
    with Board() as board:
        board.fleet.job("job")(lambda data: bytes(3000))
        board.join()
        ids = [b"boss/0/%d" % n for n in range(5)]
        for id in ids:
            board.bring_job("job", 1, id)
        board.said()
        for id in ids:
            board.bring("get", id, response_topic="s/board/boss/piece", user_property=[("at", "0")])
        assert [len(one[1]) for one in board.said()] == [0, 2048, 2048, 2048, 2048]


def test_a_board_does_a_large_job_of_its_own_that_the_broker_brings_back():
    with Board(local=False) as board:
        board.fleet.job("job")(lambda data: bytes(data) * 2)
        board.join()
        board.submit(b"ab" * 1500)

        def is_done():  # (as a broker)
            for topic, payload, properties in board.said():
                if topic == "s/job/job":
                    board.wire.bring(topic, payload, 1, 1, properties)
                elif topic.startswith("s/board/b/"):
                    board.wire.bring(topic, payload, 0, 0, properties)
            return board.done

        until(is_done, board.mgr)
        assert board.done == [(b"ab" * 3000, None)] and board.stats == {"submitted": 1, "done": 1, "taken": 1, "ran": 1}


def test_pieces_are_for_whom_they_concern_and_from_whom_they_are_expected():
    with Board() as board:
        got = []
        board.fleet.job("job")(lambda data: got.append(data) or bytes(3000))
        board.join()
        board.bring_job("job", b"", user_property=[("size", "4")])
        board.bring("piece", ID, b"evil", sender="x", user_property=[("at", "0")])
        assert not got
        board.bring("piece", ID, b"good", user_property=[("at", "0")])
        assert got == [b"good"]
        board.said()
        board.bring("get", ID, sender="x", response_topic="s/board/x/piece", user_property=[("at", "0")])
        assert board.said()[0][1] == b""  # the result is the submitter's
        board.submit(bytes(3000), name="other")
        id = board.said()[0][2]["correlation_data"]
        board.taken(id)
        board.bring("get", id, sender="x", response_topic="s/board/x/piece", user_property=[("at", "0")])
        assert board.said()[0][1] == b""  # the board w has the job
        board.bring("get", id, sender="w", response_topic="s/board/w/piece", user_property=[("at", "0")])
        assert board.said()[0][1] == bytes(2048)


def test_nonsense_from_others_harms_nobody():
    with Board() as board:
        board.fleet.job("job")(lambda data: data)
        board.join()
        board.submit(bytes(3000), name="other")
        id = board.said()[0][2]["correlation_data"]
        for kind in ("taken", "done", "failed", "refused", "ask", "go", "cancel", "get", "piece", "other"):
            for data in (b"", b"{", b"[]", b"{}", b'{"boot": 2}', b'{"errno": "x", "error": 1}'):
                for more in ({}, {"user_property": [("size", "x"), ("at", "-5")]}, {"response_topic": "a"}):
                    for one in (b"", b"\xff", b"no/such/1"):
                        board.bring(kind, one, data, **more)
        for payload in (b"", b"[]", b"{", b'{"boot": 5}', b'{"boot": null}'):
            board.wire.bring("s/present/b", payload, 0, 0, {})
        assert board.mqtt.stats["errors"] == 0 and id in board.fleet.submitter.jobs
        board.bring("done", id, b"", sender="w", user_property=[("size", "x")])
        board.bring("get", id, sender="w", response_topic="s/board/w/piece", user_property=[("at", "x")])
        board.bring("taken", id, b'{"boot": "x"}', sender="a b")
        assert board.mqtt.stats["errors"] == 0
