"""The small site and the clock, in a browser."""

WAIT_MS = 30000


def test_a_page_with_a_dozen_assets(serve, browser):
    server = serve(app="files")
    url = f"http://{server.host}:{server.port}"
    context = browser.new_context()
    page = context.new_page()
    answers, errors = [], []
    page.on("response", lambda answer: answers.append(answer))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{url}/", wait_until="networkidle")
    page.wait_for_function("document.getElementById('state').textContent == 'Scripts: done, 7 rows.'", timeout=WAIT_MS)
    assert page.locator("table tr").count() == 8 and "Most of the work" in page.inner_text("#story")
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("document.styleSheets.length") == 2 and page.locator("#gauge span").count() == 1
    got = {answer.url[len(url) :]: answer for answer in answers}
    assert len(got) >= 12 and all(answer.status == 200 for answer in answers), {name: it.status for name, it in got.items()}
    assert got["/style.css"].headers["content-encoding"] == got["/"].headers["content-encoding"] == "gzip"
    assert "content-encoding" not in got["/logo.svg"].headers
    assert not errors, errors
    # Again: what may be kept is not asked for, of the rest the server says that it has not changed.
    answers.clear()
    page.reload(wait_until="networkidle")
    page.wait_for_function("document.getElementById('state').textContent == 'Scripts: done, 7 rows.'", timeout=WAIT_MS)
    script = "performance.getEntriesByType('resource').filter(e => e.name.endsWith('.css')).map(e => e.transferSize)"
    sizes = page.evaluate(script)
    assert len(sizes) == 2 and max(sizes) <= 300, sizes  # heads, without bodies
    page.click("text=docs")
    page.wait_for_url(f"{url}/docs/", timeout=WAIT_MS)
    assert "sent to its slash" in page.inner_text("p")
    assert not errors and "Traceback" not in server.output(), (errors, server.output())
    context.close()


def test_a_clock_that_survives_a_restart_of_the_server(serve, browser):
    settings = {"DELAY_MS": 100}  # a tick each 50 ms
    server = serve(app="sse_clock", env=settings)
    page = browser.new_page()
    page.goto(f"http://{server.host}:{server.port}/")
    page.evaluate("window.seen = []; clock.addEventListener('message', message => seen.push(Number(message.data)))")
    page.wait_for_function("seen.length > 20", timeout=WAIT_MS)
    assert page.inner_text("#state") == "connected"
    server.stop()
    page.wait_for_function("document.getElementById('state').textContent.includes('no connection')", timeout=WAIT_MS)
    before = page.evaluate("seen.length")
    again = serve(app="sse_clock", env=dict(settings, PORT=server.port))
    page.wait_for_function(f"seen.length > {before} + 10", timeout=WAIT_MS)
    assert page.inner_text("#state") == "connected"
    seen = page.evaluate("seen")
    # The new server counts from where the page had been: nothing is left out, and of what was seen only the last comes again.
    assert seen[before] == seen[before - 1], seen
    assert [b - a for a, b in zip(seen, seen[1:], strict=False) if b != a + 1] == [0], seen
    page.close()
    assert "Traceback" not in server.output() + again.output(), server.output() + again.output()
