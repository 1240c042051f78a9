# The two ends of the pipe in firmware/apps/multi_threaded, without the pause.

import mungo


def worker(sock, data):
    try:
        sock.send(data or b"hi\n")
    finally:
        sock.close()


def pcb(c, ev, data, fn_data):
    if ev == mungo.EV_READ and fn_data is not None:
        fn_data.http_reply(200, {}, data)
