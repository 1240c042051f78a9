"""WebSockets with what people use: websockets and aiohttp from PyPI, ws from npm, Chromium; and mungo's own client with another server.
The chat of firmware/apps/ws_chat in two pages."""

import asyncio
import contextlib
import json
import queue
import threading
import urllib.request

import aiohttp
import pytest
import websockets
import websockets.sync.client
import websockets.sync.server

WAIT_S = 30
MESSAGES = ["", "café 🐾", "x" * 126, bytes(range(256)), b"", bytes(65536), "€" * 20000, "y" * 65536]


def state(server):
    with urllib.request.urlopen(f"http://{server.host}:{server.port}/state", timeout=WAIT_S) as answer:
        return json.load(answer)


def ended(server, *codes):
    """All connections so far have ended with these codes, and no bug was met."""
    for _ in range(1000):
        seen = state(server)
        if len(seen["codes"]) >= len(codes):
            break
    assert sorted(seen["codes"]) == sorted(codes)
    assert seen["stats"]["bugs"] == 0 and "Traceback" not in server.output(), server.output()


# --- PyPI: websockets


def connect(server, path, **options):
    options.setdefault("compression", "deflate")  # is offered, and not taken
    return websockets.sync.client.connect(f"ws://{server.host}:{server.port}/{path}", open_timeout=WAIT_S, **options)


def test_websockets(serve):
    server = serve(script="ws.py")
    with connect(server, "echo", subprotocols=["v1", "v3"]) as conn:
        assert conn.subprotocol == "v1" and not conn.protocol.extensions
        for data in MESSAGES:
            conn.send(data)
            assert conn.recv(WAIT_S) == data
        conn.send(["in ", "pieces", ""])
        assert conn.recv(WAIT_S) == "in pieces"
        assert conn.ping("there?").wait(WAIT_S)
    assert conn.close_code == 1000
    with connect(server, "pieces") as conn:
        conn.send("abcdef")
        assert list(conn.recv_streaming()) == ["a", "b", "c", "d", "e", "f", ""]
        conn.close(4000, "enough")
    with connect(server, "ends") as conn:
        conn.send("tschüss")
        with pytest.raises(websockets.ConnectionClosedError) as caught:
            conn.recv(WAIT_S)
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4001, "tschüss")
    with connect(server, "echo", max_size=None) as conn:
        conn.send(bytes(65537))
        with pytest.raises(websockets.ConnectionClosedError) as caught:
            conn.recv(WAIT_S)
        assert caught.value.rcvd.code == 1009
    with connect(server, "echo?ping_ms=50") as conn:  # it answers pings by itself
        with pytest.raises(TimeoutError):
            conn.recv(0.5)
        conn.send("still here")
        assert conn.recv(WAIT_S) == "still here"
    with pytest.raises(websockets.InvalidStatus) as refused:
        connect(server, "echo", origin="http://elsewhere.example")
    assert refused.value.response.status_code == 403
    ended(server, 1000, 4000, 4001, 1009, 1000)


# --- PyPI: aiohttp


def test_aiohttp(serve):
    server = serve(script="ws.py")
    url = f"http://{server.host}:{server.port}"

    async def talk():
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(WAIT_S)) as session:
            async with session.ws_connect(f"{url}/echo", protocols=("v3", "v2")) as conn:
                assert conn.protocol == "v2"
                for data in MESSAGES:
                    await (conn.send_str(data) if isinstance(data, str) else conn.send_bytes(data))
                    assert (await conn.receive(WAIT_S)).data == data
                await conn.ping(b"there?")
            assert conn.close_code == 1000
            async with session.ws_connect(f"{url}/ends") as conn:
                await conn.send_str("bye")
                last = await conn.receive(WAIT_S)
                assert (last.type, last.data, last.extra) == (aiohttp.WSMsgType.CLOSE, 4001, "bye")
            conns = [await session.ws_connect(f"{url}/echo") for _ in range(20)]  # at once
            for n, conn in enumerate(conns):
                await conn.send_str("%d" % n)
            assert [(await conn.receive(WAIT_S)).data for conn in conns] == ["%d" % n for n in range(20)]
            for conn in conns:
                await conn.close()

    asyncio.run(talk())
    ended(server, *[1000] * 22)  # (it answers 4001 with 1000)


# --- npm: ws


NODE = r"""
const WebSocket = require("ws");
const url = process.argv[1];
const sent = ["", "café 🐾", "x".repeat(126), Buffer.alloc(65536, 7), "€".repeat(20000)];
const one = new WebSocket(url + "/echo", ["v1"]);
let left = sent.slice();
one.on("open", () => { console.log("protocol", one.protocol, "extensions", one.extensions || "none"); one.send(left[0]); });
one.on("message", (data, isBinary) => {
  const want = left.shift();
  if (isBinary !== (typeof want !== "string") || !data.equals(Buffer.from(want))) console.log("another message");
  if (left.length) one.send(left[0]); else one.ping("there?");
});
one.on("pong", data => { console.log("pong", data.toString()); one.close(4005, "done"); });
one.on("close", (code, reason) => {
  console.log("closed", code);
  const two = new WebSocket(url + "/pieces");
  let pings = 0;
  two.on("open", () => two.send("abc"));
  two.on("ping", () => { pings++; });
  two.on("message", data => { console.log(data.toString(), pings); two.close(); });
  two.on("close", code => {
    console.log("closed", code);
    const three = new WebSocket(url + "/ends");
    three.on("open", () => three.send("why not"));
    three.on("close", (code, reason) => console.log("closed", code, reason.toString()));
  });
});
"""


def test_npm_ws(serve, node):
    server = serve(script="ws.py")
    assert node(NODE, f"ws://{server.host}:{server.port}") == [
        "protocol v1 extensions none",
        "pong there?",
        "closed 4005",
        "abc 3",
        "closed 1005",
        "closed 4001 why not",
    ]
    ended(server, 4005, 1005, 4001)


# --- mungo's own client


@contextlib.contextmanager
def their_server():
    """A server of the package websockets that echoes: (its URL, a queue of what its clients have closed with)."""
    codes = queue.Queue()

    def echo(conn):
        with contextlib.suppress(websockets.ConnectionClosedError):
            for message in conn:
                conn.send(message)
        codes.put((conn.close_code, conn.close_reason))

    with websockets.sync.server.serve(echo, "127.0.0.1", 0, subprotocols=["v1"], max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield "ws://127.0.0.1:%d/" % server.socket.getsockname()[1], codes
        finally:
            server.shutdown()
            thread.join()


def test_mungo_as_the_client(serve):
    with their_server() as (url, codes):
        client = serve(script="ws_client.py", env={"BACKEND": url})
        assert client.proc.wait(WAIT_S) == 0
        client.stop()
        assert client.output().splitlines()[1:] == [
            "protocol v1",
            "control (10, b'here?')",
            "control (8, b'\\x0f\\xa2done')",
            "closed 4002",
        ]
        assert codes.get(timeout=WAIT_S) == (4002, "done")


# --- a chat in Chromium


def test_chat_between_two_pages(serve, browser):
    server = serve(app="ws_chat")
    url = f"http://{server.host}:{server.port}/"
    pages = []
    for n in (1, 2):
        page = browser.new_page()
        page.set_default_timeout(WAIT_S * 1000)
        page.goto(url)
        page.wait_for_selector("#line:enabled")
        page.wait_for_selector(f"li:has-text('{n} here')")
        pages.append(page)
    first, second = pages
    first.fill("#line", "hello 🐾 <b>")
    first.press("#line", "Enter")
    for page in pages:
        page.wait_for_selector("li:has-text('hello 🐾 <b>')")
    second.fill("#line", "hello yourself")
    second.press("#line", "Enter")
    for page in pages:
        page.wait_for_selector("li:has-text('hello yourself')")
    second.close()
    first.wait_for_selector("li:has-text('1 here') >> nth=1")
    assert first.locator("li").all_inner_texts() == ["1 here", "2 here", "hello 🐾 <b>", "hello yourself", "1 here"]
    with urllib.request.urlopen(url + "people", timeout=WAIT_S) as answer:
        assert json.load(answer) == {"people": 1}
    # A page from elsewhere is not let in.
    other = browser.new_page()
    other.goto("data:text/html,<title>elsewhere</title>")
    script = "url => new Promise(done => { const s = new WebSocket(url); s.onopen = () => done('open'); s.onclose = e => done(e.code); })"
    assert other.evaluate(script, url.replace("http", "ws") + "chat") == 1006
    other.close()
    first.close()
    assert "Traceback" not in server.output(), server.output()
