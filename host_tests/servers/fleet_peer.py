# A board of the fleet SITE, called NAME, at the broker URL: it does the jobs "double", "reversed" and "fails", submits the job "words" when
# it is told to by the job "ask", and prints "result" and what it got. It prints "ready" when the broker sends it jobs, and "ran" when
# "double" runs. CA, CERT and KEY: of TLS. LEASE_MS.

import os

import mungo
from mungo.fleet import Fleet
from mungo.mqtt import Client

tls = None
if os.getenv("CA"):
    tls = mungo.Tls(ca=os.getenv("CA"), cert=os.getenv("CERT"), key=os.getenv("KEY"))
mqtt = Client(os.getenv("URL"), id=os.getenv("NAME"), version=5, keep_alive_s=5, tls=tls)
fleet = Fleet(mqtt, site=os.getenv("SITE"), lease_ms=int(os.getenv("LEASE_MS") or 5000))


@fleet.job("double")
def double(data):
    print("ran", data)
    return data * 2


@fleet.job("reversed")
def reverse(data):
    return bytes(reversed(data))


@fleet.job("fails")
def fails(data):
    raise ValueError("no such %s" % data)


@fleet.job("ask")
def ask(text):
    fleet.submit("words", text, on_done=show, timeout_ms=20000)


def show(result, error):
    print("result", result, error)


with mungo.Manager() as mgr:
    fleet.attach(mgr)
    is_told = False
    while mgr.poll(100):
        if not is_told and all(one.asked == 0 for one in mqtt.subscriptions.all if one.pattern.filter[0] == "$"):
            is_told = True
            print("ready")
