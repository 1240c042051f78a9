# Looks up names, for test_dns.py: CALLS is a JSON list of calls, {"names": [..], "dns": ..}. The names of a call are looked up at the same
# time. Each result is a line of JSON, in the order in which they come: [name, addresses, error].

import json
import os

import mungo

for call in json.loads(os.getenv("CALLS")):
    left = list(call["names"])

    def hear(name, left=left):
        def fn(addresses, error):
            print(json.dumps([name, addresses, error]))
            left.remove(name)

        return fn

    with mungo.Manager(dns=call["dns"], datagram=2000) as mgr:
        for name in call["names"]:
            for _ in range(call.get("times", 1)):
                n = len(left)
                mgr.resolve(name, hear(name))
                while call.get("in_turn") and len(left) == n:
                    mgr.poll(1000)
                if call.get("in_turn"):
                    left.append(name)
            if call.get("in_turn"):
                left.remove(name)
        while left:
            mgr.poll(1000)
        mgr.poll(0)
        assert mgr.conns == [] and not mgr.stats["bugs"], mgr.stats
