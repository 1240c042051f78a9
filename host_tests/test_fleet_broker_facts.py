"""docs/fleet-brokers.md is true of mosquitto: whom it gives a job, and what becomes of jobs whose board has died."""

import contextlib
import socket
import subprocess
import time

import pytest

import brokers
import mqtt_wire as wire
from mqtt_member import NO_SUBSCRIBERS, SUCCESS, WAIT_S, Member

pytestmark = brokers.needs_mosquitto
SHARED = "$share/g/jobs"


@pytest.fixture
def site(tmp_path):
    """(the broker, a client that publishes, join(NAME, ..): a member of the share; it reads "fence/NAME" as well)"""
    with brokers.Mosquitto(tmp_path, persistence=True) as broker, contextlib.ExitStack() as members:
        submitter = members.enter_context(Member(broker, "submitter"))

        def join(name, shared=SHARED, **options):
            member = members.enter_context(Member(broker, name, **options))
            member.subscribe(f"fence/{name}", qos=0)
            if shared:
                member.subscribe(shared)
            return member

        yield broker, submitter, join


def jobs(submitter, *names, **properties):
    return [submitter.publish("jobs", name, **properties) for name in names]


def seen(submitter, *members):
    """What each member has got. mosquitto sends QoS 0 at once, so a message that comes after this one was not sent before it."""
    for member in members:
        submitter.publish(f"fence/{member.id}", "|", qos=0)
    found = []
    for member in members:
        member.wait_for(lambda member=member: "|" in member.got)
        member.got.remove("|")
        found.append(list(member.got))
    return found


def cut(broker, member):
    """It dies; return when the broker knows."""
    member.cut()
    broker.wait_log(f"Client {member.id} closed its connection.")


def test_each_member_gets_a_job_in_turn(site):
    _, submitter, join = site
    members = [join(f"w{i}") for i in range(3)]
    assert jobs(submitter, *"012345678") == [SUCCESS] * 9
    assert seen(submitter, *members) == [["0", "3", "6"], ["1", "4", "7"], ["2", "5", "8"]]


def test_a_member_at_its_receive_maximum_is_not_skipped(site):
    _, submitter, join = site
    busy, idle = join("busy", receive_maximum=1, is_holding=True), join("idle")
    jobs(submitter, *"012345")
    assert seen(submitter, busy, idle) == [["0"], ["1", "3", "5"]]  # 2 and 4 wait in the broker, for the busy one
    busy.release()
    assert busy.wait_count(3) == ["0", "2", "4"]


def test_a_member_that_unsubscribes_keeps_what_was_queued_for_it(site):
    _, submitter, join = site
    first, second = join("first", receive_maximum=1, is_holding=True), join("second")
    jobs(submitter, *"0123")
    first.unsubscribe(SHARED)
    jobs(submitter, *"45")
    first.release()
    first.wait_count(2)
    assert seen(submitter, first, second) == [["0", "2"], ["1", "3", "4", "5"]]


def test_jobs_of_a_dead_member_are_lost_with_its_session(site):
    broker, submitter, join = site
    dead, other = join("dead", receive_maximum=1, is_holding=True), join("other")
    jobs(submitter, *"0123")
    cut(broker, dead)
    jobs(submitter, *"45")
    assert seen(submitter, other) == [["1", "3", "4", "5"]]
    again = join("dead", clean=False)
    assert not again.is_present
    assert seen(submitter, again) == [[]]


def test_a_dead_member_whose_session_lasts_still_gets_its_share(site):
    broker, submitter, join = site
    dead, other = join("dead", receive_maximum=1, is_holding=True, session_s=3600), join("other")
    jobs(submitter, *"0123")
    cut(broker, dead)
    assert jobs(submitter, *"4567") == [SUCCESS] * 4
    assert seen(submitter, other) == [["1", "3", "5", "7"]]
    again = join("dead", shared=None, clean=False, session_s=3600)
    assert again.is_present and again.wait_count(4) == ["0", "2", "4", "6"]
    assert [msg.dup for msg in again.messages] == [True, False, False, False]


def test_who_publishes_learns_that_nobody_is_subscribed(site):
    broker, submitter, join = site
    assert jobs(submitter, "0") == [NO_SUBSCRIBERS]
    member = join("w", session_s=3600)
    assert jobs(submitter, "1") == [SUCCESS]
    member.unsubscribe(SHARED)
    assert jobs(submitter, "2") == [NO_SUBSCRIBERS]  # so a fleet whose boards unsubscribe when they are full says that it is full
    member.subscribe(SHARED)
    cut(broker, member)
    assert jobs(submitter, "3") == [SUCCESS]  # a session that waits is a subscriber


def test_a_refusal_by_puback_goes_to_no_other_member(site):
    broker, submitter, join = site
    with socket.create_connection((broker.host, broker.port), WAIT_S) as sock:
        data = bytearray()

        def receive():
            while not (found := wire.take_packet(data)):
                data.extend(sock.recv(1000))
            return found

        sock.sendall(wire.packet(wire.CONNECT, text("MQTT") + b"\5\2\0\x3c\0" + text("refuses")))
        assert receive()[0] >> 4 == wire.CONNACK
        sock.sendall(wire.packet(wire.SUBSCRIBE, b"\0\1\0" + text(SHARED) + b"\1", 2))
        assert receive()[0] >> 4 == wire.SUBACK
        jobs(submitter, "refused")
        body = receive()[1]
        other = join("other")
        at = 2 + len("jobs")
        sock.sendall(wire.packet(wire.PUBACK, body[at : at + 2] + b"\x97\0"))  # quota exceeded
        broker.wait_log("Received PUBACK from refuses")
        assert seen(submitter, other) == [[]]


def text(word):
    return len(word).to_bytes(2, "big") + word.encode()


def test_a_silent_member_takes_its_share_until_the_keep_alive_ends(site):
    broker, submitter, join = site
    watcher, other = Member(broker, "watcher"), join("other")
    watcher.subscribe("state/silent")
    with watcher, socket.create_connection((broker.host, broker.port), WAIT_S) as sock:
        will = b"\0" + text("state/silent") + text("gone")
        sock.sendall(wire.packet(wire.CONNECT, text("MQTT") + b"\5\x06\0\1\0" + text("silent") + will))  # keep alive: a second
        sock.sendall(wire.packet(wire.SUBSCRIBE, b"\0\1\0" + text(SHARED) + b"\1", 2))
        broker.wait_log("Sending SUBACK to silent")
        jobs(submitter, *"0123")
        assert len(seen(submitter, other)[0]) == 2
        assert watcher.wait_count(1) == ["gone"]
        assert jobs(submitter, *"4567") == [SUCCESS] * 4
        assert seen(submitter, other)[0][2:] == ["4", "5", "6", "7"]  # and the two of the silent one are lost


def test_messages_expire_in_a_queue_and_so_do_retained_ones(site):
    broker, submitter, join = site
    away = join("away", session_s=3600)
    cut(broker, away)
    jobs(submitter, "late", MessageExpiryInterval=1)
    jobs(submitter, "in time", MessageExpiryInterval=3600)
    submitter.publish("state/a", "here", retain=True, MessageExpiryInterval=1)
    submitter.publish("state/b", "here too", retain=True, MessageExpiryInterval=3600)
    time.sleep(2.1)  # the broker counts whole seconds
    assert join("away", shared=None, clean=False, session_s=3600).wait_count(1) == ["in time"]
    assert join("watcher", shared="state/#").wait_count(1) == ["here too"]


def test_the_will_of_a_connection_that_is_taken_over_comes_first(site):
    broker, submitter, join = site
    watcher = join("watcher", shared="state/a")
    will = ("state/a", "gone", 1, True)
    Member(broker, "a", will=will)
    with Member(broker, "a", will=will) as again:
        again.publish("state/a", "here", retain=True)
        assert watcher.wait_count(2) == ["gone", "here"]


def test_what_is_over_the_queue_s_limit_is_dropped_and_called_a_success(tmp_path):
    with brokers.Mosquitto(tmp_path, settings=("max_queued_messages 2",)) as broker:
        with Member(broker, "submitter") as submitter, Member(broker, "w", receive_maximum=1, is_holding=True) as member:
            member.subscribe(SHARED, "fence/w")
            assert jobs(submitter, *"01234") == [SUCCESS] * 5
            member.release()
            assert member.wait_count(3) == ["0", "1", "2"]
            assert jobs(submitter, "last") == [SUCCESS] and member.wait_count(4)[3] == "last"


def test_a_restart_sends_the_wills_and_forgets_shared_subscriptions(site):
    broker, submitter, join = site
    member = join("kept", clean=False, session_s=3600, is_holding=True, will=("state/kept", "gone", 1, True))
    member.subscribe("plain")
    jobs(submitter, "0")
    member.wait_count(1)
    broker.end()
    broker.start()
    with Member(broker, "submitter again") as submitter, Member(broker, "kept", clean=False, session_s=3600) as again:
        assert again.is_present and again.wait_count(1) == ["0"] and again.messages[0].dup
        assert submitter.publish("plain", "1") == SUCCESS and again.wait_count(2)[1] == "1"
        again.subscribe("state/kept")
        assert again.wait_count(3)[2] == "gone"
        if version() == "2.0.11":  # repaired in 2.0.12
            assert jobs(submitter, "2") == [NO_SUBSCRIBERS]
        again.subscribe(SHARED)
        assert jobs(submitter, "3") == [SUCCESS] and "3" in again.wait_count(4)


def version():
    done = subprocess.run([brokers.MOSQUITTO, "-h"], capture_output=True, text=True)
    return done.stdout.split()[2]
