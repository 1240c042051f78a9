"""Files as real clients see them: curl, httpx, requests, aiohttp; and what a small heap serves."""

import asyncio
import gzip
import hashlib
import os
import shutil
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import httpx
import pytest
import requests

import lanes
import mpy
from asking import curl

WWW = lanes.ROOT / "firmware/apps/files/www"
STORY = (WWW / "story.txt").read_bytes()
WAIT_S = 30

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl: tools/debian.sh says how to get it")


def head_of(output):
    """({name in lower case: value}, status) of what `curl -i` or `-I` prints."""
    lines = output.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in lines[1:]}, int(lines[0].split()[1])


@pytest.fixture
def folder(tmp_path):
    """A folder `www` with a large file and its canary outside."""
    www = tmp_path / "www"
    www.mkdir()
    (tmp_path / "canary.txt").write_bytes(b"CANARY")
    (www / "large.bin").write_bytes(bytes(os.urandom(1000)) * 1000)
    (www / "page.txt").write_bytes(b"a page\n" * 500)
    (www / "page.txt.gz").write_bytes(gzip.compress(b"a page\n" * 500))
    for path in www.iterdir():
        os.utime(path, (1710000000, 1710000000))
    return www


@needs_curl
def test_curl(serve, folder, tmp_path):
    server = serve(script="folder.py", env={"ROOT": folder})
    url = f"http://{server.host}:{server.port}"
    large = (folder / "large.bin").read_bytes()
    assert curl(f"{url}/large.bin") == large
    for args in ((), ("--http1.0",)):
        fields, status = head_of(curl("-I", *args, f"{url}/large.bin"))
        assert status == 200 and fields["content-length"] == "1000000" and fields["accept-ranges"] == "bytes"
        assert curl(*args, f"{url}/large.bin") == large
        # --compressed: the twin, unpacked; without: the file
        assert curl("-i", *args, "--compressed", f"{url}/page.txt").endswith(b"a page\n" * 500)
        assert head_of(curl("-I", *args, "--compressed", f"{url}/page.txt"))[0]["content-encoding"] == "gzip"
        assert "content-encoding" not in head_of(curl("-I", *args, f"{url}/page.txt"))[0]
    # -r
    for spec, part in (("0-99", large[:100]), ("500000-", large[500000:]), ("-5", large[-5:]), ("999999-2000000", large[-1:])):
        output = curl("-i", "-r", spec, f"{url}/large.bin")
        assert head_of(output)[1] == 206 and output.partition(b"\r\n\r\n")[2] == part, spec
    assert head_of(curl("-i", "-r", "1000000-", f"{url}/large.bin"))[1] == 416
    assert curl("-r", "0-9,20-29", f"{url}/large.bin") == large  # several ranges: the whole
    # -C -: go on where a download broke off
    part = tmp_path / "part"
    part.write_bytes(large[:123456])
    curl("-C", "-", "-o", part, f"{url}/large.bin")
    assert part.read_bytes() == large
    # -z and --etag: nothing is sent twice
    kept = tmp_path / "kept"
    curl("-R", "-o", kept, f"{url}/page.txt")
    assert kept.stat().st_mtime == 1710000000
    assert head_of(curl("-i", "-z", kept, f"{url}/page.txt"))[1] == 304
    assert head_of(curl("-i", "-z", "Fri, 08 Mar 2024 00:00:00 GMT", f"{url}/page.txt"))[1] == 200
    assert head_of(curl("-i", "-z", "-Fri, 08 Mar 2024 00:00:00 GMT", f"{url}/page.txt"))[1] == 412  # If-Unmodified-Since
    tag = tmp_path / "etag"
    assert curl("--etag-save", tag, f"{url}/page.txt") == b"a page\n" * 500
    assert curl("--etag-compare", tag, f"{url}/page.txt") == b""
    # Paths as they are, not as curl would tidy them up
    for path in ("/../canary.txt", "/%2e%2e/canary.txt", "/..%5ccanary.txt", "/x/../../canary.txt"):
        output = curl("-i", "--path-as-is", url + path)
        assert head_of(output)[1] == 404 and b"CANARY" not in output, path
    # One kept-alive connection for all
    done = curl("-w", "%{num_connects}\n", f"{url}/page.txt", f"{url}/page.txt", f"{url}/nothing", f"{url}/page.txt", "-o", "/dev/null",
                "-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null")  # fmt: skip
    assert done.split() == [b"1", b"0", b"0", b"0"]
    assert "Traceback" not in server.output(), server.output()


def test_httpx(serve):
    server = serve(app="files")
    with httpx.Client(base_url=f"http://{server.host}:{server.port}", timeout=WAIT_S) as client:
        answer = client.get("/story.txt")
        assert answer.status_code == 200 and answer.content == STORY
        assert answer.headers["Content-Encoding"] == "gzip" and answer.headers["Vary"] == "accept-encoding"
        assert answer.headers["Cache-Control"] == "no-cache" and answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        plain = client.get("/story.txt", headers={"Accept-Encoding": "gzip;q=0"})
        assert plain.content == STORY and "Content-Encoding" not in plain.headers
        assert plain.headers["ETag"] != answer.headers["ETag"]
        again = client.get("/story.txt", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get("/docs", follow_redirects=False).headers["Location"] == "./docs/"
        assert b"you were sent to its slash" in client.get("/docs", follow_redirects=True).content
        assert str(client.get("/docs", follow_redirects=True).url).endswith("/docs/")
        missing = client.get("/no/such%20file")
        assert (missing.status_code, missing.text) == (404, "There is no /no/such file here.\n")
        assert client.get("/dot.png").headers["Cache-Control"] == "max-age=86400"
        assert client.head("/dot.png").headers["Content-Length"] == str((WWW / "dot.png").stat().st_size)
        assert client.post("/dot.png").status_code == 405
        assert 'href="./%73%74%79%6C%65%2E%63%73%73"' in client.get("/list/").text
        assert client.get("/list/%73%74%79%6C%65%2E%63%73%73").content == (WWW / "style.css").read_bytes()
        assert client.get("/api/fast").text == "hi\n"
        with client.stream("GET", "/story.txt") as answer:
            assert b"".join(answer.iter_bytes(100)) == STORY
    assert "Traceback" not in server.output(), server.output()


def test_requests(serve, folder):
    server = serve(script="folder.py", env={"ROOT": folder})
    url = f"http://{server.host}:{server.port}"
    large = (folder / "large.bin").read_bytes()
    with requests.Session() as session:
        first = session.get(f"{url}/large.bin", headers={"Range": "bytes=0-499999"}, timeout=WAIT_S)
        rest = session.get(
            f"{url}/large.bin", headers={"Range": "bytes=500000-", "If-Range": first.headers["ETag"]}, timeout=WAIT_S
        )
        assert (first.status_code, rest.status_code) == (206, 206) and first.content + rest.content == large
        assert rest.headers["Content-Range"] == "bytes 500000-999999/1000000"
        stale = session.get(f"{url}/large.bin", headers={"Range": "bytes=500000-", "If-Range": '"other"'}, timeout=WAIT_S)
        assert stale.status_code == 200 and stale.content == large
        assert session.get(f"{url}/page.txt", timeout=WAIT_S).text == "a page\n" * 500
        with session.get(f"{url}/large.bin", stream=True, timeout=WAIT_S) as answer:
            assert b"".join(answer.iter_content(777)) == large


def test_aiohttp_with_20_downloads_at_once(serve, folder):
    server = serve(script="folder.py", env={"ROOT": folder})
    url = f"http://{server.host}:{server.port}"
    want = hashlib.sha256((folder / "large.bin").read_bytes()).hexdigest()

    async def download(session):
        sum = hashlib.sha256()
        async with session.get("/large.bin") as answer:
            assert answer.status == 200
            async for piece in answer.content.iter_chunked(10000):
                sum.update(piece)
        return sum.hexdigest()

    async def all_of_them():
        async with aiohttp.ClientSession(url) as session:
            sums = await asyncio.gather(*[download(session) for _ in range(20)])
            async with session.get("/page.txt") as answer:  # compressed, and unpacked by the client
                assert answer.headers["Content-Encoding"] == "gzip" and await answer.text() == "a page\n" * 500
        return sums

    with ThreadPoolExecutor(1) as pool:  # (in this thread a browser's event loop may be running)
        assert pool.submit(asyncio.run, all_of_them()).result() == [want] * 20


def test_clients_that_vanish_leave_no_file_open(serve, folder):
    server = serve(script="folder.py", env={"ROOT": folder, "WRITE_MS": "400"})
    url = f"http://{server.host}:{server.port}/-/open"
    with open(folder / "huge.bin", "wb") as file:
        file.truncate(100_000_000)

    def opened():
        return int(requests.get(url, timeout=WAIT_S).text)

    before = opened()
    socks = []
    for _ in range(10):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.connect((server.host, server.port))
        sock.sendall(b"GET /huge.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        assert sock.recv(1000)
        socks.append(sock)
    for sock in socks[:5]:  # half of them leave; the others stay and take nothing: the write deadline ends them
        sock.close()
    deadline = time.monotonic() + WAIT_S
    while opened() != before:
        assert time.monotonic() < deadline, (before, opened())
        time.sleep(0.05)
    for sock in socks:
        sock.close()


@pytest.mark.lanes("upy-192k")
def test_a_heap_of_192_kb_serves_several_a_file_that_is_larger(serve, folder):
    server = serve(script="folder.py", env={"ROOT": folder})
    want = (folder / "large.bin").read_bytes()
    got = []

    def download():
        got.append(requests.get(f"http://{server.host}:{server.port}/large.bin", timeout=WAIT_S).content == want)

    threads = [threading.Thread(target=download) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [True] * 5, server.output()


def test_a_packed_folder_is_served_like_the_folder(serve, tmp_path):
    def run_tool(out):
        command = [lanes.sys.executable, "tools/pack.py", str(WWW), str(out)]
        return subprocess.run(command, cwd=lanes.ROOT, capture_output=True, text=True)

    assert run_tool(tmp_path / "packed_www.py").returncode == 0
    assert run_tool(tmp_path / "twice.py").returncode == 0
    assert (tmp_path / "packed_www.py").read_bytes() == (tmp_path / "twice.py").read_bytes()
    bad = subprocess.run([lanes.sys.executable, "tools/pack.py", "no/such", "x.py"], cwd=lanes.ROOT, capture_output=True, text=True)
    assert bad.returncode == 1 and "no/such" in bad.stderr
    mpy.compile_file(tmp_path / "packed_www.py", tmp_path / "packed_www.mpy", "packed", "-O3")
    server = serve(script="folder.py", env={"ROOT": WWW, "PACKED": "packed_www"}, path=[tmp_path])
    with httpx.Client(base_url=f"http://{server.host}:{server.port}", timeout=WAIT_S) as client:
        for path in WWW.rglob("*"):
            name = path.relative_to(WWW).as_posix()
            if path.is_file():
                answer = client.get("/" + name, headers={"Accept-Encoding": "identity"})
                assert answer.status_code == 200 and answer.content == path.read_bytes(), name
        answer = client.get("/story.txt")
        assert answer.headers["Content-Encoding"] == "gzip" and answer.content == STORY
        again = client.get("/story.txt", headers={"If-None-Match": answer.headers["ETag"]})
        assert again.status_code == 304
        answer = client.get("/story.txt", headers={"Range": "bytes=10-19", "Accept-Encoding": "identity"})
        assert (answer.status_code, answer.content) == (206, STORY[10:20])
        assert client.get("/", headers={"Accept-Encoding": "identity"}).content == (WWW / "index.html").read_bytes()
        assert client.get("/docs").status_code == 301 and client.get("/docs/").status_code == 200
        for name in ("/nothing", "/%2e%2e/x", "/style.css/", "/..%2fx"):
            request = client.build_request("GET", "http://x/")
            request.url = httpx.URL(scheme="http", host=server.host, port=server.port, raw_path=name.encode())
            assert client.send(request).status_code == 404, name
    assert "Traceback" not in server.output(), server.output()
