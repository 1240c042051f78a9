# Calls of fetch, for test_fetch.py: CALLS is a JSON list of argument dicts; each result is printed as a line of JSON.

import json
import os

from mungo.fetch import fetch

for call in json.loads(os.getenv("CALLS")):
    got = []
    if "pieces" in call:
        call["body"] = iter(call.pop("pieces"))
    if call.pop("sink", False):
        call["sink"] = lambda piece, got=got: got.append(len(piece))
    if "auth" in call:
        call["auth"] = tuple(call["auth"])
    try:
        it = fetch(call.pop("url"), **call)
        result = {"status": it.status, "reason": it.reason, "url": it.url, "body": it.body.decode(), "x": it.header("X-A")}
    except (OSError, ValueError) as error:  # (of an OSError CPython makes a class of its own)
        result = {"error": "OSError" if isinstance(error, OSError) else "ValueError", "errno": error.args[0], "text": str(error.args)}
    print(json.dumps(dict(result, sink=sum(got))))
