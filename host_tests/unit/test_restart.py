# A server that is started, used and closed again and again in one process: the port is free each time, and nothing piles up.

import gc

import mungo
from net import Client, listening
from waiting import open_files, system_threads, until

LANES = ("cpython", "upy")
MIN_HEAP = "4m"

TIMES = 200


def test_200_times():
    port = 0
    threads = system_threads()
    files = []
    heap = []

    def fn(c, ev, hm, fn_data):
        if ev == mungo.EV_HTTP_MSG:

            def on_done(result, er):
                if er is None:
                    c.http_reply(200, {}, result)

            c.mgr.workers().submit(bytes, hm.body, on_done=on_done, conn=c)

    for n in range(TIMES):
        mgr = mungo.Manager()
        pool = mgr.workers(n=2)
        if port:
            mgr.http_listen("http://127.0.0.1:%d" % port, fn)
        else:
            _, port = listening(lambda url: mgr.http_listen(url, fn))  # noqa: B023
        client = Client(mgr, port, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n%05d" % n)
        client.until_has(b"\r\n\r\n%05d" % n)
        mgr.timer(10000, print)
        if n % 3 == 0:
            client.close()  # first
        if n % 3 == 1:  # with work in flight
            client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
            until(lambda: pool.stats["jobs"] == 2, mgr)  # noqa: B023
        assert mgr.close(10000)
        assert pool.threads == 0 and mgr.conns == []
        client.close()
        mgr = pool = client = None
        if n % 50 == 49:
            gc.collect()
            files.append(open_files())
            heap.append(gc.mem_alloc())
            until(lambda: system_threads() == threads)
    print(files, heap)
    assert files == [files[0]] * 4, files
    assert heap[3] - heap[1] < 2048, heap
