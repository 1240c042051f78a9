# chumicro-http-server with its runner, as in its documentation for programs with other tasks. Its defaults, 4 connections and a backlog
# of 4, would refuse most of the clients here. It closes every connection, and accepts bodies of up to 16 KB.

import os

from chumicro_http_server import HttpServer, build_response
from chumicro_runner import Runner
from chumicro_sockets import listener
from control import FACTS, TEXT10K, TEXT100K, report

server = HttpServer(
    transport_factory=lambda: listener(host="127.0.0.1", port=int(os.getenv("PORT")), backlog=64),
    max_connections=64,
)


@server.route("/")
def index(request):
    return build_response(200, text="hi\n")


@server.route("/json")
def facts(request):
    return build_response(200, json=FACTS)


@server.route("/10k")
def text10k(request):
    return build_response(200, body=TEXT10K)


@server.route("/100k")
def text100k(request):
    return build_response(200, body=TEXT100K)


@server.route("/mem")
def mem(request):
    return build_response(200, text=report("/mem"))


@server.route("/collect")
def collect(request):
    return build_response(200, text=report("/collect"))


runner = Runner()
runner.add(server)
while True:
    now = runner.tick()
    runner.wait(now)
