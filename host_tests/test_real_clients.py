"""Clients that people use, asking an App: Java's HttpClient with its WebSocket, and micropython-lib's requests on MicroPython's unix port.
(curl, httpx, requests and aiohttp are in test_files_clients.py, browsers and other WebSocket clients in test_ws_clients.py.)"""

import shutil
import subprocess

import pytest

import lanes

WAIT_S = 120

JAVA = """
import java.net.URI;
import java.net.http.*;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.*;

public class Client {
    static String base;
    static HttpClient client;

    static void ask(String path, String method, HttpRequest.BodyPublisher body, String... fields) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(base + path)).method(method, body);
        if (fields.length > 0) request.headers(fields);
        var response = client.send(request.build(), BodyHandlers.ofString());
        var text = response.body();
        var first = text.lines().findFirst().orElse("");
        var seen = response.headers().firstValue("X-Seen").orElse("-");
        System.out.println(response.statusCode() + " " + response.version() + " " + text.length() + " " + first + " " + seen);
    }

    public static void main(String[] args) throws Exception {
        base = args[0];
        for (var version : HttpClient.Version.values()) {  // HTTP/1.1; and 2, which asks for an upgrade to h2c
            client = HttpClient.newBuilder().version(version).followRedirects(HttpClient.Redirect.NORMAL).build();
            ask("/hello", "GET", BodyPublishers.noBody());
            ask("/hello", "HEAD", BodyPublishers.noBody());
            ask("/stream", "GET", BodyPublishers.noBody());
            ask("/redirect", "GET", BodyPublishers.noBody());
            ask("/none", "GET", BodyPublishers.noBody());
            ask("/say/caf\\u00e9?more=\\u20ac", "GET", BodyPublishers.noBody());
            ask("/echo", "POST", BodyPublishers.ofString("posted"), "Content-Type", "text/x");
            ask("/echo", "PUT", BodyPublishers.ofInputStream(() -> new java.io.ByteArrayInputStream("chunked".getBytes())));
        }
        var expecting = HttpRequest.newBuilder(URI.create(base + "/echo")).expectContinue(true).POST(BodyPublishers.ofString("expected"));
        System.out.println(client.send(expecting.build(), BodyHandlers.ofString()).body());
        var got = new LinkedBlockingQueue<String>();
        var socket = client.newWebSocketBuilder().buildAsync(URI.create(base.replace("http", "ws") + "/ws"), new WebSocket.Listener() {
            public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
                got.add(data.toString());
                socket.request(1);
                return null;
            }
            public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
                got.add("closed " + code);
                return null;
            }
        }).get();
        socket.sendText("over a WebSocket", true).get();
        System.out.println(got.take());
        socket.sendClose(1000, "").get();
        System.out.println(got.take());
    }
}
"""

REQUESTS = """
import sys
import requests

base = sys.argv[1]


def show(answer):
    print(answer.status_code, answer.text.split("\\n")[0], len(answer.content), answer.headers.get("X-Seen", "-"))
    answer.close()


show(requests.get(base + "/hello"))
show(requests.head(base + "/hello"))
show(requests.get(base + "/stream"))
show(requests.get(base + "/redirect"))
show(requests.get(base + "/none"))
show(requests.get(base + "/say/caf\\u00e9?more=\\u20ac"))
show(requests.post(base + "/echo", data=b"posted", headers={"Content-Type": "text/x"}))
show(requests.post(base + "/echo", json={"a": 1}))
show(requests.put(base + "/echo", data=iter([b"chu", b"nked"])))  # which it sends chunked in HTTP/1.0: a server has to refuse that
"""


@pytest.mark.skipif(not shutil.which("javac"), reason="there is no Java: Debian has it in openjdk-17-jdk-headless")
def test_java_s_http_client(serve, tmp_path):
    server = serve(script="clients.py")
    (tmp_path / "Client.java").write_text(JAVA)
    command = ["java", "-Xmx64m", "-Dfile.encoding=UTF-8", tmp_path / "Client.java", f"http://{server.host}:{server.port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    answers = [
        "200 HTTP_1_1 6 hello -",
        "200 HTTP_1_1 0  -",
        "200 HTTP_1_1 1200 00000 -",
        "200 HTTP_1_1 6 hello -",
        "404 HTTP_1_1 10 Not Found -",
        "200 HTTP_1_1 5 caf\u00e9\u20ac -",
        "200 HTTP_1_1 6 posted POST text/x",
        "200 HTTP_1_1 7 chunked PUT",
    ]
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert lines == [*answers, *answers, "expected", "over a WebSocket", "closed 1000"], done.stdout
    assert "Traceback" not in server.output(), server.output()


def test_micropython_s_requests(serve, tmp_path):
    server = serve(script="clients.py")
    (tmp_path / "client.py").write_text(REQUESTS)
    command = [lanes.micropython(), "-X", "heapsize=1M", tmp_path / "client.py", f"http://{server.host}:{server.port}"]
    done = subprocess.run(command, env={"MICROPYPATH": ".frozen"}, capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "200 hello 6 -",
        "200  0 -",
        "200 00000 1200 -",
        "200 hello 6 -",
        "404 Not Found 10 -",
        "200 caf\u00e9\u20ac 8 -",
        "200 posted 6 POST text/x",
        '200 {"a": 1} 8 POST application/json',
        "400 Bad Request 12 -",
    ]
    assert "Traceback" not in server.output(), server.output()
