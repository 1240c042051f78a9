"""The tutorial's server, seen in a browser."""

import threading
import urllib.request


def test_a_page_that_takes_two_seconds_and_the_others_meanwhile(serve, browser):
    server = serve(app="multi_threaded")
    url = f"http://{server.host}:{server.port}"
    fast = []
    stop = threading.Event()

    def others():
        while not stop.is_set():
            with urllib.request.urlopen(f"{url}/fast") as answer:
                fast.append(answer.read())

    page = browser.new_page()
    thread = threading.Thread(target=others)
    thread.start()
    try:
        page.goto(f"{url}/")
        assert page.inner_text("body").strip() == "hi"
        took = page.evaluate("performance.getEntriesByType('navigation')[0].responseEnd")
    finally:
        stop.set()
        thread.join()
    assert took >= 2000, took
    assert len(fast) > 20 and set(fast) == {b"hi\n"}, len(fast)
    # Out of the page, over the browser's own kept-alive connections: as many at once as it opens.
    script = "Promise.all([1, 2, 3, 4].map(n => fetch('/', {method: 'POST', body: 'body ' + n}).then(r => r.text())))"
    assert page.evaluate(script) == ["body 1", "body 2", "body 3", "body 4"]
    page.close()
