# Two threads start a server each at the same moment, and nothing of the library is loaded. One of them must be told that this can't be, the
# other must serve.
import _thread
import socket
import sys
import time

import mungo

ended = []
served = []
refused = []
lock = _thread.allocate_lock()


def serve(number):
    try:
        app = mungo.App()
        with mungo.Manager(queue=3) as mgr:
            app.get("/")(lambda req: {"hello": req.args.get("x")})
            port = 20000 + time.ticks_us() % 10000
            while True:
                try:
                    app.attach(mgr, "http://127.0.0.1:%d" % port)
                    break
                except OSError:
                    port += 1
            client = socket.socket()
            client.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            client.setblocking(False)
            client.send(b"GET /?x=%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
            got = b""
            while not got.endswith(b"}"):
                mgr.poll(100)
                try:
                    got += client.recv(500)
                except OSError:
                    pass
            client.close()
            served.append(got)
            while not refused and len(ended) < 1:  # the other may come late
                mgr.poll(10)
    except RuntimeError as er:
        refused.append(str(er))
    with lock:
        ended.append(number)


try:
    _thread.start_new_thread(serve, (1,))
    serve(0)
    while len(ended) < 2:
        time.sleep_ms(5)
    print("served", len(served), "refused", refused)
except Exception as er:
    sys.print_exception(er)
