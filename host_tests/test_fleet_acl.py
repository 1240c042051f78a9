"""tools/fleet_acl.py keeps boards apart at a real mosquitto with client certificates."""

import contextlib
import subprocess
import sys

import pytest

import brokers
import certificates
import fleet_acl
import lanes
from mqtt_member import NO_SUBSCRIBERS, NOT_AUTHORIZED, SUCCESS, Member

pytestmark = brokers.needs_mosquitto
SITE = "greenhouse"
A, B, SHOW = "a.local", "b.local", "show.local"


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """{name: (the CA's file, its certificate, its key), what paho's tls_set takes}; "stranger": of another CA."""
    found = certificates.clients(tmp_path_factory.mktemp("certificates"), (A, B, SHOW))
    found["stranger"] = tuple(certificates.path(name) for name in ("ca.pem", "stranger.pem", "stranger.key"))
    return found


@pytest.fixture
def site(tmp_path, people):
    """start(boards, shows): connect(NAME) at a broker with these rules. Its client id is not its name."""
    with contextlib.ExitStack() as running:

        def start(boards=None, shows=()):
            path = tmp_path / "acl"
            path.write_text(fleet_acl.rules(SITE, boards, shows))
            path.chmod(0o600)
            settings = ("use_identity_as_username true", f"acl_file {path}")
            broker = running.enter_context(brokers.Mosquitto(tmp_path, client_ca=True, settings=settings))

            def connect(name, **options):
                return running.enter_context(Member(broker, f"{name.split('.')[0]}-0123abcd", tls=people[name], **options))

            return connect

        yield start


def fence(member, name):
    """What it has got up to now: what it sends itself comes last."""
    member.publish(f"{SITE}/present/{name}", "|")
    member.wait_for(lambda: "|" in member.got)
    return [word for word in member.got if word != "|"]


def refused(connect, name, topic, **options):
    """Whether it may not publish there. (mosquitto 2.0.11 ends the connection at the second message that it refuses.)"""
    with connect(name) as member:
        return member.publish(topic, "forged", **options) == NOT_AUTHORIZED


def test_a_board_reads_its_own_inbox_alone(site):
    connect = site()
    a, b = connect(A), connect(B)
    a.subscribe("#", f"{SITE}/board/{B}/#", f"{SITE}/board/+/done/+", f"$share/fleet/{SITE}/board/{B}/#")
    b.subscribe(f"{SITE}/board/{B}/#", f"{SITE}/present/+")
    assert b.publish(f"{SITE}/board/{B}/done/{B}", "for b") == SUCCESS
    assert b.publish(f"{SITE}/board/{A}/done/{B}", "for a") == SUCCESS
    assert set(fence(b, B)) == {"for b"}
    assert set(fence(a, A)) == {"for a"}


def test_a_board_publishes_under_its_own_name_alone(site):
    connect = site()
    b = connect(B)
    b.subscribe(f"{SITE}/board/{B}/#", f"{SITE}/present/+")
    for topic in (
        f"{SITE}/present/{B}",
        f"{SITE}/board/{B}/done/{B}",  # as if b had sent it
        f"{SITE}/board/{B}/cancel/c.local",
        f"{SITE}/board/{B}/done",
        f"{SITE}/board/{B}/done/{A}/more",
        f"{SITE}/other",
        "other/job/analyse",
        f"other/present/{A}",
    ):
        assert refused(connect, A, topic) and refused(connect, A, topic, retain=True), topic
    assert connect(A).publish(f"{SITE}/board/{B}/done/{A}", "from a") == SUCCESS
    assert fence(b, B) == ["from a"]


def test_a_will_is_the_board_s_own(site):
    connect = site()
    b = connect(B)
    b.subscribe(f"{SITE}/present/+")
    connect(A, will=(f"{SITE}/present/{B}", "b is gone", 1, True)).cut()
    connect(A, will=(f"{SITE}/present/{A}", "a is gone", 1, True)).cut()
    assert b.wait_count(1) == ["a is gone"]


def test_jobs_go_to_boards_that_may_do_them(site):
    connect = site({A: ["analyse"], B: []}, [SHOW])
    a, b, show = connect(A), connect(B), connect(SHOW)
    assert b.publish(f"{SITE}/job/analyse", "0") == NO_SUBSCRIBERS  # which it may submit
    a.subscribe(f"$share/fleet/{SITE}/job/analyse", f"{SITE}/job/other", f"{SITE}/present/+")
    for client in (b, show):
        client.subscribe(f"{SITE}/job/+", f"{SITE}/board/#", f"{SITE}/present/+")
    assert b.publish(f"{SITE}/job/analyse", "1") == SUCCESS and b.publish(f"{SITE}/job/other", "2") == SUCCESS
    assert fence(a, A) == ["1"]
    assert fence(b, B) == []
    assert show.wait_count(2) == ["|", "|"]  # it sees the presence of both
    assert all(refused(connect, SHOW, f"{SITE}/{topic}") for topic in ("job/analyse", f"present/{SHOW}", f"board/{A}/done/{SHOW}"))


def test_who_is_not_on_the_list_has_nothing(site):
    connect = site({A: ["*"]})
    assert refused(connect, B, f"{SITE}/job/analyse") and refused(connect, B, f"{SITE}/present/{B}")


def test_a_certificate_of_another_authority_is_refused(site):
    connect = site()
    with pytest.raises((AssertionError, OSError)):
        connect("stranger")


def test_the_command(tmp_path):
    def run(*args):
        return subprocess.run([sys.executable, "tools/fleet_acl.py", *args], cwd=lanes.ROOT, capture_output=True, text=True)

    assert run(SITE).stdout == fleet_acl.rules(SITE)
    assert run(SITE, "a=analyse,count", "b", "c=*", "--show", "d").stdout == fleet_acl.rules(
        SITE, {"a": ["analyse", "count"], "b": [], "c": ["*"]}, ["d"]
    )
    for words in (("#",), (SITE, "a/b"), (SITE, "a=+"), (SITE, "--show", "%u"), ("",)):
        done = run(*words)
        assert done.returncode == 1 and "want 1 to 64 of" in done.stderr, words
