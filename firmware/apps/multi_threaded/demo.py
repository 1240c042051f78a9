# The page /demo, which shows what threads are good for, and what it asks for: /demo/style.css, and /demo/block, which blocks the loop on
# purpose.
import time

import pages
import settings
import store


def answer(c, hm):
    """Answer a request for /demo and what is below it, in EV_HTTP_MSG."""
    if hm.match("/demo"):
        page = store.read(__file__.rpartition("/")[0] + "/demo.html")
        c.http_reply(200, pages.HTML, (page or b"no page").replace(b"$ms", b"%d" % settings.DELAY_MS))
    elif hm.match("/demo/style.css"):
        data, status, headers = pages.style(None)
        c.http_reply(status, headers, data)
    elif hm.match("/demo/block"):
        time.sleep_ms(settings.DELAY_MS // 2)  # a loop that works itself serves nobody meanwhile
        c.http_reply(200, {}, "hi\n")
    else:
        c.http_reply(404, {}, "want /demo\n")
