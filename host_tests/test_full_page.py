"""A page of 20 parts loads completely with a board's few connections: browsers open six."""

import json

import pytest

from far_away import FarAway

LOADS = 5
PARTS = """() => {
    const all = performance.getEntriesByType('resource').filter(e => e.responseStatus === 200).length;
    const shown = [...document.images].filter(i => i.complete && i.naturalWidth === 70).length;
    return [all, shown, window.n];
}"""


def load(page, url):
    page.goto(url, wait_until="load", timeout=60000)
    return page.evaluate(PARTS)


@pytest.mark.parametrize("conns", [4, 6])
@pytest.mark.parametrize("is_far", [False, True], ids=["near", "far"])
def test_every_part_arrives(serve, browser, conns, is_far):
    server = serve(script="page.py", env={"LIMITS": json.dumps({"max_conns": conns, "backlog": 8})})
    with FarAway(server.port, *(() if is_far else (0, 1e9))) as far:
        for _ in range(LOADS):
            page = browser.new_page()
            assert load(page, f"http://127.0.0.1:{far.port}/") == [19, 16, 2]
            page.close()


def test_two_people_load_it_at_once(serve, browser):
    server = serve(script="page.py", env={"LIMITS": json.dumps({"max_conns": 4, "backlog": 8})})
    with FarAway(server.port) as far:
        for _ in range(LOADS):
            pages = [browser.new_context().new_page() for _ in range(2)]
            for page in pages:
                page.evaluate("url => { setTimeout(() => location.href = url, 0) }", f"http://127.0.0.1:{far.port}/")
            for page in pages:
                page.wait_for_url("**/", wait_until="load", timeout=60000)
                assert page.evaluate(PARTS) == [19, 16, 2]
                page.context.close()
