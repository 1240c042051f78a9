"""Multicast DNS of this library, for tests: it prints what it finds, and reads commands from its standard input.

nearby.py respond ADDRESS NAME PORT     prints each name that it gets, and says goodbye when the first line comes
nearby.py ask ADDRESS NAME ...          prints what it finds for each name, one after the other
nearby.py fetch ADDRESS URL ...         prints the status and the length of the body of each response, or the error
"""

import sys

import mungo
import mungo.mdns as mdns

what, address = sys.argv[1:3]

with mungo.Manager() as mgr:
    if what == "respond":
        from mungo.mdns.responder import Responder

        it = Responder(mgr, sys.argv[3], address, int(sys.argv[4]), ("path=/",), lambda name: print("name", name))
        pool = mgr.workers()
        ended = []
        pool.submit(sys.stdin.readline, on_done=lambda line, error: ended.append(line))
        print("listening")
        while not ended:
            mgr.poll(1000)
        it.close()
        mgr.poll(0)
    elif what == "fetch":
        from mungo.fetch import fetch

        for url in sys.argv[3:]:
            try:
                result = fetch(url)
                print(result.status, len(result.body))
            except OSError as er:
                print(er)
    else:
        for one in sys.argv[3:]:
            name, _, ms = one.partition("=")
            found = []
            mdns.query(mgr, name, found.append, address, int(ms))
            while not found:
                mgr.poll(1000)
            print(sorted(found[0]))
    assert mgr.stats["bugs"] == 0
