# Fetches what CALLS says, a list of keyword arguments of fetch as JSON, and prints a line for each: [status, SHA-256 of the body] or the
# error; at last how many descriptors are open more than at the start. CA, PIN: whom to trust.

import hashlib
import json
import os

import mungo
from mungo.fetch import fetch


def open_files():
    if hasattr(os, "listdir"):
        return len(os.listdir("/proc/self/fd"))
    return len(list(os.ilistdir("/proc/self/fd")))


tls = mungo.Tls(ca=os.getenv("CA"), pin=os.getenv("PIN"))
before = None
for call in json.loads(os.getenv("CALLS")):
    digest = hashlib.sha256()
    if "auth" in call:
        call["auth"] = tuple(call["auth"])
    upload = call.pop("upload", 0)
    if upload:
        call["body"] = (bytes([n & 255]) * 1000 for n in range(upload // 1000))
        call["length"] = upload
        call["method"] = "POST"
    try:
        result = fetch(tls=tls, sink=digest.update, **call)
        said = [result.status, "".join(["%02x" % byte for byte in digest.digest()])]
    except (OSError, ValueError) as er:
        said = str(er)
    print(json.dumps(said))
    if before is None:
        before = open_files()
print(json.dumps(open_files() - before))
