"""Uploads by real clients, through a small heap, broken off anywhere, and from a page in a browser; on both runtimes."""

import asyncio
import hashlib
import json
import os
import random
import socket
import subprocess
import time

import pytest

import lanes
import mpy
import server as servers
from asking import curl
from thorough import busy_cores, times

WAIT_S = 60
MB = 1 << 20


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "files"
    path.mkdir()
    return path


def url(server, path):
    return f"http://{server.host}:{server.port}{path}"


def state(server):
    return json.loads(curl(url(server, "/state")))


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def names(folder):
    return sorted(os.listdir(folder))


def make(path, size, seed=1):
    with open(path, "wb") as file:
        source = random.Random(seed)
        while size > 0:
            file.write(source.randbytes(min(size, MB)))
            size -= MB
    return path


# --- through a small heap

ROOM = {"128k": 131072, "160k": 163840}


# A form needs a parser and its buffer, some 16 KB more than a file as it is (`rx_bytes` is 4096 with these heaps).
@pytest.mark.parametrize("kind, size, heap", [("file", 64 * MB, "128k"), ("form", 16 * MB, "160k")])
def test_files_much_larger_than_the_heap_arrive(kind, size, heap, folder, tmp_path):
    mpy.build("lib")
    mpy.compile_file(lanes.ROOT / "host_tests/servers/uploads_lean.py", tmp_path / "uploads_lean.mpy", "lean", "-O3")
    environment = dict(os.environ, MICROPYPATH=f"build/mpy/lib:{tmp_path}:.frozen", FOLDER=str(folder), FORMS="1" * (kind == "form"))
    environment["PORT"] = str(port := servers.free_port())
    command = [lanes.micropython(), "-X", f"heapsize={heap}", "-m", "uploads_lean"]
    proc = subprocess.Popen(command, cwd=lanes.ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert proc.stdout.readline().startswith("listening")
        big = make(tmp_path / "big.bin", size)
        what = ["-T", str(big)] if kind == "file" else ["-F", "note=hello", "-F", f"file=@{big}"]
        assert curl("-H", "Expect:", *what, f"http://127.0.0.1:{port}/x") == b"ok"
        first = int(proc.stdout.readline().split()[1])
        most, calls = (int(word) for word in proc.stdout.readline().split()[1::2])
    finally:
        proc.terminate()
        rest = proc.communicate()[0]
    assert not rest, rest
    assert names(folder) == ["big.bin"] and digest(folder / "big.bin") == digest(big)
    print(f"{kind}: {most} bytes of the heap at most, {first} at the first piece, {calls} pieces")
    assert calls >= size // 4096 and most < ROOM[heap] and most - first < 2048  # it does not depend on how much has come


# --- broken off

FORM = (
    b'--XX\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n%b\r\n--XX--\r\n' % (b"\r\n--X" * 6000)
)
REQUEST = b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: %d\r\n\r\n%b"


def test_broken_off_at_a_random_byte_100_times_nothing_is_left(serve, folder):
    server = serve(script="uploads.py", env={"FOLDER": folder})
    at_random = random.Random(4)
    for i in range(100):
        path = (b"/form", b"/events/form", b"/raw/a.bin", b"/events/raw/a.bin")[i % 4]
        request = REQUEST % (path if i % 2 == 0 else path, len(FORM), FORM)
        if b"raw" in path:
            request = request.replace(b"POST", b"PUT", 1)
        with socket.create_connection((server.host, server.port), WAIT_S) as sock:
            if i % 3 == 0:  # a reset rather than an end
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            sock.sendall(request[: at_random.randrange(1, len(request))])
    deadline = time.monotonic() + WAIT_S
    while state(server)["conns"] > 2:  # the listener, and who asks
        assert time.monotonic() < deadline
    assert names(folder) == []
    for path in ("/form", "/events/form"):  # and all goes on
        with socket.create_connection((server.host, server.port), WAIT_S) as sock:
            sock.sendall(REQUEST % (path.encode(), len(FORM), FORM))
            assert sock.recv(1000).startswith(b"HTTP/1.1 20")
        assert (folder / "a.bin").read_bytes() == b"\r\n--X" * 6000
    assert names(folder) == ["a.bin"] and state(server)["bugs"] == 0, server.output()


# --- real clients


@pytest.fixture
def two_mb(tmp_path):
    return make(tmp_path / "two.bin", 2 * MB)


@pytest.mark.parametrize("prefix", ["", "/events"])
def test_curl(serve, folder, two_mb, prefix):
    server = serve(script="uploads.py", env={"FOLDER": folder, "LIMIT": 3 * MB})
    form, raw = url(server, prefix + "/form"), url(server, prefix + "/raw/")
    target = folder / "two.bin"
    for args in (
        ["-F", "note=hello", "-F", f"file=@{two_mb}", form],
        ["-H", "Expect: 100-continue", "-F", f"file=@{two_mb}", form],
        ["-H", "Expect:", "-F", f"file=@{two_mb};type=image/png;filename=../two.bin", form],
        ["-T", str(two_mb), raw],
        ["-H", "Expect: 100-continue", "-T", str(two_mb), raw],
        ["-H", "Transfer-Encoding: chunked", "-T", str(two_mb), raw],
        ["--data-binary", f"@{two_mb}", raw + "two.bin"] if not prefix else ["-X", "PUT", "--data-binary", f"@{two_mb}", raw + "two.bin"],
    ):
        curl("-f", *args)
        assert digest(target) == digest(two_mb), args
        target.unlink()
        assert names(folder) == [], args
    large = two_mb.with_name("large.bin")
    make(large, 4 * MB)
    for args in (["-F", f"file=@{large}", form], ["-T", str(large), raw], ["-H", "Expect:", "-T", str(large), raw]):
        # curl may still be sending when the answer is there.
        assert b"413" in curl("-w", "%{http_code}", *args, check=False), args
    out = curl("-d", "a=b", "-w", "%{http_code}", form)
    assert out.endswith(b"415"), out
    curl("-f", "-X", "PUT", "-d", "a=b", raw + "two.bin")
    assert target.read_bytes() == b"a=b"
    target.unlink()
    assert names(folder) == [] and state(server)["bugs"] == 0


# The server refuses the request by its head and discards what follows, in pieces, while curl sends: no reset destroys the status.
@pytest.mark.parametrize("prefix", ["", "/events"])
def test_curl_reads_the_413_while_it_sends(serve, folder, prefix):
    server = serve(script="uploads.py", env={"FOLDER": folder, "LIMIT": 3 * MB})
    large = make(folder.with_name("large.bin"), 4 * MB)
    n = times(20, 400)
    with busy_cores():
        ways = [("-H", "Expect:"), ("-H", "Expect:", "-H", "Transfer-Encoding: chunked")]
        said = [
            curl(*ways[i % len(ways)], "-o", "/dev/null", "-w", "%{http_code}", "-T", large, url(server, prefix + "/raw/"), check=False)
            for i in range(n)
        ]
    assert said == [b"413"] * n
    assert names(folder) == [] and state(server)["bugs"] == 0


def test_curl_resumes_an_upload(serve, folder, two_mb):
    server = serve(script="uploads.py", env={"FOLDER": folder})
    there = url(server, "/raw/two.bin")
    # Broken off: a client that says which part of how much it sends, and leaves.
    data = two_mb.read_bytes()
    with socket.create_connection((server.host, server.port), WAIT_S) as sock:
        sock.sendall(
            b"PUT /raw/two.bin HTTP/1.1\r\nHost: a\r\nContent-Range: bytes 0-%d/%d\r\nContent-Length: %d\r\n\r\n"
            % (len(data) - 1, len(data), len(data))
            + data[:700000]
        )
    deadline = time.monotonic() + WAIT_S
    while True:
        head = curl("-I", there).decode().lower()
        offset = int(head.split("upload-offset: ")[1].split("\r")[0])
        if offset == 700000 and state(server)["conns"] == 2:
            break
        assert time.monotonic() < deadline, head
    assert names(folder) == [".two.bin.part"]
    assert curl("-w", "%{http_code}", "-C", "5", "-T", str(two_mb), there).endswith(b"409")
    assert curl("-w", "%{http_code}", "-C", str(offset), "-T", str(two_mb), there) == b"201"
    assert names(folder) == ["two.bin"] and digest(folder / "two.bin") == digest(two_mb)
    # Without a number curl sends bytes 0 to the last: anew, also over what is there.
    (folder / "two.bin").unlink()
    curl("-f", "-H", "Content-Range: bytes 0-99/1000", "-X", "PUT", "-d", "x" * 100, there)
    assert names(folder) == [".two.bin.part"]
    assert curl("-w", "%{http_code}", "-C", "-", "-T", str(two_mb), there) == b"201"
    assert names(folder) == ["two.bin"] and digest(folder / "two.bin") == digest(two_mb)


# Each client has its own way to write names that are not plain: escapes, UTF-8 as it is, `filename*`, backslashes.
NAMES = {
    "plain.txt": {"plain.txt"},
    "a b;c=d.txt": {"a b;c=d.txt"},
    "\xfc \u20ac \U0001f600.txt": {"\xfc \u20ac \U0001f600.txt"},
    'q"x.txt': {"q_x.txt", "q%22x.txt"},
    "back\\slash.txt": {"slash.txt"},
    "dir\\": {"dir"},
    "x" * 251 + ".txt": {"x" * 251 + ".txt"},
    "\u20ac" * 83 + ".txt": {"\u20ac" * 83 + ".txt"},
}


def send_names(form, name):
    import aiohttp
    import httpx
    import requests

    yield "requests", requests.post(form, files={"f": (name, b"data")}, timeout=WAIT_S).json()
    yield "httpx", httpx.post(form, files={"f": (name, b"data")}, timeout=WAIT_S).json()

    async def post():
        data = aiohttp.FormData(quote_fields=False)  # by default its escapes are a part of the name
        data.add_field("f", b"data", filename=name)
        async with aiohttp.ClientSession() as session, session.post(form, data=data) as answer:
            return await answer.json()

    yield "aiohttp", asyncio.run(post())
    for escape in ((), ("--form-escape",)):
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        yield f"curl {escape}", json.loads(curl(*escape, "-F", f'f=data;filename="{quoted}"', form))


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:20] for name in NAMES])
def test_names_as_clients_send_them(serve, folder, name):
    server = serve(script="uploads.py", env={"FOLDER": folder})
    for client, answer in send_names(url(server, "/form"), name):
        assert answer["fields"] == {} and len(answer["files"]) == 1, (client, answer)
        field, found, size = answer["files"][0]
        assert (field, size) == ("f", 4) and found in NAMES[name] and names(folder) == [found], (client, found)
        (folder / found).unlink()
    assert state(server)["bugs"] == 0


def with_requests(form, raw, path):
    import requests

    with open(path, "rb") as file, requests.Session() as session:
        answer = session.post(form, data={"note": "café"}, files={"file": ("two.bin", file, "image/png")}, timeout=WAIT_S)
        yield answer.json()["fields"]["note"]
        file.seek(0)
        yield str(session.put(raw, data=file, timeout=WAIT_S).status_code)
        pieces = (path.read_bytes()[at : at + 100000] for at in range(0, 2 * MB, 100000))
        yield str(session.put(raw, data=pieces, timeout=WAIT_S).status_code)


def with_httpx(form, raw, path):
    import httpx

    with open(path, "rb") as file, httpx.Client(timeout=WAIT_S) as session:
        yield session.post(form, data={"note": "café"}, files={"file": ("two.bin", file)}).json()["fields"]["note"]
        file.seek(0)
        yield str(session.put(raw, content=file.read()).status_code)
        pieces = (path.read_bytes()[at : at + 100000] for at in range(0, 2 * MB, 100000))
        yield str(session.put(raw, content=pieces).status_code)


def with_aiohttp(form, raw, path):
    import aiohttp

    async def form_data():
        async with aiohttp.ClientSession() as session:
            data = aiohttp.FormData()
            data.add_field("note", "café")
            data.add_field("file", path.read_bytes(), filename="two.bin")
            async with session.post(form, data=data) as answer:
                return (await answer.json())["fields"]["note"]

    async def put(data):
        async with aiohttp.ClientSession() as session, session.put(raw, data=data) as answer:
            return str(answer.status)

    async def pieces():
        data = path.read_bytes()
        for at in range(0, len(data), 100000):
            yield data[at : at + 100000]

    yield asyncio.run(form_data())
    yield asyncio.run(put(path.read_bytes()))
    yield asyncio.run(put(pieces()))


@pytest.mark.parametrize("client", [with_requests, with_httpx, with_aiohttp])
def test_clients_of_python(serve, folder, two_mb, client):
    server = serve(script="uploads.py", env={"FOLDER": folder})
    steps = client(url(server, "/form"), url(server, "/raw/two.bin"), two_mb)
    for expected in ("café", "201", "201"):
        assert next(steps) == expected
        assert digest(folder / "two.bin") == digest(two_mb)
        (folder / "two.bin").unlink()
    assert names(folder) == [] and state(server)["bugs"] == 0


# --- a page in a browser


def test_a_form_with_its_progress_bar_in_a_browser(serve, folder, tmp_path, browser):
    server = serve(app="upload", env={"FOLDER": folder})
    large = make(tmp_path / "large <b>.bin", 20 * MB)
    small = make(tmp_path / "small.bin", 1000)
    page = browser.new_page()
    try:
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url(server, "/"))
        # Each value that the bar shows.
        page.evaluate("""() => { window.seen = []; new MutationObserver(() => seen.push(document.getElementById("bar").value))
            .observe(document.getElementById("bar"), {attributes: true}) }""")
        page.set_input_files("#file", [str(large), str(small)])
        page.fill("#note", "from a browser")
        page.click("text=Send")
        page.wait_for_function("document.getElementById('state').textContent == 'sent'", timeout=WAIT_S * 1000)
        page.wait_for_selector("#list tr:nth-child(2)")
        assert page.locator("#list").inner_text().split("\n") == ["large _b_.bin\t20971520 bytes", "small.bin\t1000 bytes"]
        seen = page.evaluate("seen")
        assert seen == sorted(seen) and seen[-1] > 20 * MB, seen
        assert digest(folder / "large _b_.bin") == digest(large) and digest(folder / "small.bin") == digest(small)
        assert page.evaluate("document.getElementById('bar').position") == 1
        assert not errors
    finally:
        page.close()
    assert "Traceback" not in server.output(), server.output()


def test_the_page_of_http_fetch(serve, browser):
    server = serve(app="http_fetch", env={"DELAY_MS": "100"})
    page = browser.new_page()
    try:
        page.goto(url(server, "/"))
        page.wait_for_function("document.getElementById('body').textContent.startsWith('ticks_ms says')", timeout=WAIT_S * 1000)
        assert "/time: status 200" in page.inner_text("#what")
    finally:
        page.close()


def test_stop_in_the_browser_leaves_nothing(serve, folder, tmp_path, browser):
    server = serve(app="upload", env={"FOLDER": folder})
    large = make(tmp_path / "large.bin", 40 * MB)
    page = browser.new_page()
    try:
        page.goto(url(server, "/"))
        page.set_input_files("#file", str(large))
        page.evaluate("""() => { new MutationObserver(() => document.getElementById("stop").click())
            .observe(document.getElementById("bar"), {attributes: true}) }""")  # as soon as the bar moves
        page.click("text=Send")
        page.wait_for_function("document.getElementById('state').textContent == 'stopped'", timeout=WAIT_S * 1000)
        deadline = time.monotonic() + WAIT_S
        while names(folder):
            assert time.monotonic() < deadline, names(folder)
    finally:
        page.close()
