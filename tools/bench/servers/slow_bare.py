# The bare loop with a path that blocks for two seconds, like a slow sensor or a calculation.

import os
import time

from bare import parse, serve


def handle(head):
    target, headers = parse(head)
    if target == b"/slow":
        time.sleep(2)
    return target, headers


serve(int(os.getenv("PORT")), handle)
