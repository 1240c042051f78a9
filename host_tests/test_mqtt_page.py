"""The tables of docs/mqtt.md: limits and counters are the code's; each row for people who know umqtt does what it says, with mosquitto."""

import ast
import json
import re

import brokers
import lanes
from guide import DOCS, code_spans, table

PAGE = (DOCS / "mqtt.md").read_text().partition("## Coming from umqtt")[2]
ROWS = [[cell.strip() for cell in line[1:-1].split("|")] for line in PAGE.splitlines() if line.startswith("| ") and line[:6] != "| what"]

# Its argument: a file with the code of each row.
SCRIPT = """
import _thread, json, os, sys, time
from mungo.mqtt import Client
url = os.getenv("BROKER")
mqtt = Client(url, id="table")
names = {"mqtt": mqtt, "Client": Client, "url": url, "time": time, "_thread": _thread}
def run():
    with open(sys.argv[1]) as file:
        for code in json.load(file):
            exec(code, names)
    mqtt.publish("ready", "x")
mqtt.connected(run)
mqtt.on("stop")(lambda msg: mqtt.stop())
mqtt.run()
print("bugs", mqtt.stats["errors"])
"""


def code_of(cell):
    return "\n".join(re.findall("`([^`]*)`", cell))


def test_each_row(runtime, tmp_path):
    assert len(ROWS) > 12 and all(len(row) == 5 for row in ROWS), ROWS
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([code_of(row[2]) for row in ROWS]))
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    messages = [code_of(row[3]) for row in ROWS if row[3]]
    arrivals = [code_of(row[4]) for row in ROWS if row[4]]
    assert len(messages) == 2 and len(arrivals) == 8
    with brokers.Mosquitto(tmp_path) as broker, broker.subscriber("#") as lines:
        command, environment = lanes.script_command(lanes.LANES[runtime], str(script))
        proc = brokers.popen([*command, path], cwd=lanes.ROOT, env=dict(environment, BROKER=broker.url))
        output = brokers.Lines(proc)
        lines.wait_for(lambda lines: "ready x" in lines)
        for message in messages:
            broker.publish(*message.split(" "))
        for arrival in arrivals:
            lines.wait_for(lambda lines, arrival=arrival: arrival in lines)
        broker.publish("stop", "")
        assert proc.wait(30) == 0, output.lines
        output.reader.join()
        proc.stdout.close()
        assert output.lines[-1] == "bugs 0", output.lines


def defaults(path, name):
    """{argument: its default} of the function with this name in a file of lib/mungo/mqtt."""
    for node in ast.walk(ast.parse((lanes.ROOT / "lib/mungo/mqtt" / path).read_text())):
        if isinstance(node, ast.FunctionDef) and node.name == name and len(node.args.args) > 8:
            found = node.args.args[-len(node.args.defaults) :]
            return {
                one.arg: ast.literal_eval(default) for one, default in zip(found, node.args.defaults) if not isinstance(default, ast.Name)
            }
    raise AssertionError(name)


def test_limits_and_counters_are_the_code_s():
    known = {**defaults("connect.py", "connect"), **defaults("client.py", "__init__")}
    counters = re.findall(r'^    "(\w+)",  # ', (lanes.ROOT / "lib/mungo/mqtt/client.py").read_text(), re.M)
    for row in table(DOCS / "mqtt.md", "limits")[1:]:
        names, values = code_spans(row[0]), row[1].split(", ")
        assert [str(known[name]) for name in names] == values, row
        assert set(code_spans(row[2])) <= set(counters), row
    assert [code_spans(row[0])[0] for row in table(DOCS / "mqtt.md", "counters")[1:]] == ["state", "error", *counters]
