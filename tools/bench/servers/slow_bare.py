# The bare loop with one path that blocks for two seconds, as a slow sensor or a calculation would.

import os
import time

from bare import parse, serve


def handle(head):
    target, headers = parse(head)
    if target == b"/slow":
        time.sleep(2)
    return target, headers


serve(int(os.getenv("PORT")), handle)
