"""https in Chromium, which trusts the tests' authority: a page of 20 parts, a chat over wss, server-sent events."""

import json
import shutil

import pytest

import browsers
import certificates
from test_full_page import ALL, PARTS
from thorough import times

WAIT_S = 60


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """Chromium, a playwright Browser."""
    path = shutil.which("chromium")
    if not path:
        pytest.skip("there is no chromium: tools/debian.sh says how to get it")
    from playwright.sync_api import sync_playwright

    try:
        home = browsers.home_that_trusts(tmp_path_factory.mktemp("home"), certificates.path("ca.pem"))
    except LookupError as er:
        pytest.skip(str(er))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=browsers.CHROMIUM.split(), env=home)
        yield browser
        browser.close()


@pytest.fixture
def site(serve):
    """site(cert="server", **limits): the URL of servers/page.py over TLS."""

    def start(cert="server", **limits):
        certificates.make()
        one = serve(script="page.py", env={"CERT": cert, "LIMITS": json.dumps(limits)})
        return f"https://localhost:{one.port}"

    return start


def open_page(chromium, url):
    page = chromium.new_page()
    page.set_default_timeout(WAIT_S * 1000)
    page.goto(url)
    return page


@pytest.mark.parametrize("tls_conns", [1, 2, 16])
def test_a_page_of_20_parts_arrives_whole(chromium, site, tls_conns):
    """However few TLS connections there may be: 1 on RP2, 2 on ESP32. A browser opens six."""
    url = site(tls_conns=tls_conns)
    page = open_page(chromium, f"{url}/?0")
    for n in range(times(2, 20)):
        assert page.evaluate(PARTS) == ALL
        page.goto(f"{url}/?{n + 1}")
    assert page.evaluate("[isSecureContext, location.protocol]") == [True, "https:"]
    page.close()


def test_a_chat_over_wss_and_server_sent_events(chromium, site):
    url = site()
    first, second = (open_page(chromium, url + "/streams") for _ in range(2))
    for page in (first, second):
        page.wait_for_function("seen.includes('socket') && seen.includes('events')")
    first.evaluate("socket.send('hello')")
    for page in (first, second):
        page.wait_for_function("seen.includes('socket hello')")
    second.evaluate("socket.send('hello yourself')")
    assert second.evaluate("fetch('/say?there').then(r => r.status)") == 200
    for page in (first, second):
        page.wait_for_function("seen.includes('events there')")
        page.wait_for_function("seen.includes('socket there')")
        assert page.evaluate("seen.filter(what => what != 'socket' && what != 'events')").count("socket hello yourself") == 1
        assert page.evaluate("seen.includes('lost')") is False
        page.close()


@pytest.mark.parametrize("cert, says", [("self", "AUTHORITY_INVALID"), ("expired", "DATE_INVALID"), ("named", "COMMON_NAME_INVALID")])
@pytest.mark.lanes("upy")
def test_other_certificates_are_refused(chromium, site, cert, says):
    """So what the others show is trust, not a browser that looks away."""
    page = chromium.new_page()
    with pytest.raises(Exception, match="ERR_CERT_" + says):
        page.goto(site(cert))
    page.close()
