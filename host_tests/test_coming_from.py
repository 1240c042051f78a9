"""Each row of docs/coming-from.md does what it says, on both runtimes."""

import json
import re

import pytest

import lanes

PAGE = (lanes.ROOT / "docs/coming-from.md").read_text()
TABLE = PAGE.partition("## What differs on purpose")[0]
ROWS = [line.strip("| ").split(" | ") for line in TABLE.splitlines() if line.startswith("| ") and not line.startswith("| what")]

# Its argument: a file with {"code": .., "request": .., "answer": ..}
SCRIPT = """
import json, sys
from mungo.app import App
row = json.loads(open(sys.argv[1]).read())
app = App()
names = {"app": app, "App": App}
exec(row["code"], names)
method, target = row["request"].split(" ")[:2]
body = " ".join(row["request"].split(" ")[2:])
with app.test_client(asyncio="async def" in row["code"]) as client:
    if method == "WS":
        ws = client.websocket(target)
        ws.send(body)
        found = ws.receive()
    elif method == "SSE":
        found = next(client.events(target))["data"]
    else:
        headers = {}
        if body[:1] == "{":
            headers["Content-Type"] = "application/json"
        elif "=" in body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = client.request(method, target, headers=headers, body=body if method == "POST" else None)
        found = "%d %s" % (answer.status, answer.text)
    assert client.mgr.stats["bugs"] == 0
    print("found", json.dumps(found))
"""


def code_of(cell):
    return "\n".join(re.findall("`([^`]*)`", cell.replace("\\|", "|")))


def test_the_table_is_read():
    assert len(ROWS) > 40 and all(len(row) == 5 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_row(row, runtime, tmp_path):
    code, request, answer = (code_of(cell) for cell in row[2:])
    (tmp_path / "row").write_text(json.dumps({"code": code, "request": request}))
    (tmp_path / "script.py").write_text(SCRIPT)
    done = lanes.run_script(runtime, tmp_path / "script.py", tmp_path / "row")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(re.search("^found (.*)$", done.stdout, re.M)[1])
    assert found.startswith(answer), found
