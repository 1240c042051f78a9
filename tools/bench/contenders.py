"""The contenders: the script in servers/, the runtime and the abilities of each.

tinyweb is not among them, because it is neither on PyPI nor on npm, and this project takes packages from no other place.
"""

import dataclasses

MICROPYTHON = "MicroPython"
CPYTHON = "CPython"


@dataclasses.dataclass(frozen=True)
class Contender:
    title: str
    script: str
    runtime: str = MICROPYTHON
    needs: tuple = ()  # packages that it imports
    uses_mungo: bool = False
    bodies: str = ""  # the script for requests and answers with a body, if it is another one
    closes: bool = False  # it closes the connection after each answer
    most_upload: int = 1 << 30  # the largest body that it accepts, bytes


_CHUMICRO = ("chumicro_http_server", "chumicro_sockets", "chumicro_timing", "chumicro_runner")

CONTENDERS = {
    "bare": Contender("a bare poll loop, which parses and does not validate", "bare.py", bodies="bare_bodies.py"),
    "bare-loose": Contender("the same, which fails on some valid headers", "bare_loose.py"),
    "mungo": Contender("**mungo by events**", "mungo_app.py", uses_mungo=True),
    "mungo-app": Contender("**mungo by App**", "app_hello.py", uses_mungo=True, bodies="app_bodies.py"),
    "asyncio": Contender("bare asyncio streams", "asyncio_streams.py"),
    "microdot": Contender("microdot", "microdot_app.py", needs=("microdot",), closes=True),
    "chumicro": Contender("chumicro-http-server", "chumicro_app.py", needs=_CHUMICRO, closes=True, most_upload=16384),
    "mungo-cpython": Contender("**mungo by events**, CPython", "mungo_app.py", CPYTHON, uses_mungo=True),
    "asyncio-cpython": Contender("bare asyncio streams, CPython", "asyncio_streams.py", CPYTHON),
    "microdot-cpython": Contender("microdot, CPython", "microdot_app.py", CPYTHON, needs=("microdot",), closes=True),
    # Threads that answer requests, see tables/threads.py.
    "threads-bare": Contender("by hand: a thread each, results by UDP sockets that may lose them", "threads_bare.py"),
    "threads-mungo": Contender("**mungo by events**: a thread each, results by a pipe", "threads_mungo.py", uses_mungo=True),
    "threads-wakeup": Contender("**mungo by events**: a thread each, results by `wakeup`", "threads_wakeup.py", uses_mungo=True),
    "threads-app": Contender("**mungo by App**: `worker=True`", "app_hello.py", uses_mungo=True),
    # With and without asyncio, see tables/aio.py.
    "app.run": Contender("`app.run()`", "app_asyncio.py", uses_mungo=True),
    "app.serve": Contender("`await app.serve()`", "app_asyncio.py", uses_mungo=True),
    "ticks": Contender("asyncio alone", "app_asyncio.py", uses_mungo=True),
    "files-mungo": Contender("mungo", "files_mungo.py", uses_mungo=True),
    "files-microdot": Contender("microdot's send_file", "files_microdot.py", needs=("microdot",), closes=True),
    # Over TLS, see tables/tls.py.
    "tls-mungo": Contender("mungo", "tls_mungo.py", uses_mungo=True),
    "tls-asyncio": Contender("asyncio's streams", "asyncio_streams.py"),
    "tls-microdot": Contender("microdot", "tls_microdot.py", needs=("microdot",), closes=True),
    "slow-bare": Contender("a bare poll loop", "slow_bare.py"),
    "slow-threads": Contender("**mungo by events**, a thread each", "../../../firmware/main.py", uses_mungo=True),
}
HELLO = [name for name in CONTENDERS if name.split("-")[0] in ("bare", "mungo", "asyncio", "microdot", "chumicro")]
ON_MICROPYTHON = [name for name in HELLO if CONTENDERS[name].runtime == MICROPYTHON]
ON_CPYTHON = [name for name in HELLO if CONTENDERS[name].runtime == CPYTHON]
