# A board of the trial. It says each job that it begins: "ran SUBMITTER NUMBER", and "ready" when it is connected.
# NAME, URL, LEASE_MS, KEEP_ALIVE_S, AT_ONCE; SILENT=1: it says no jobs.

import os
import sys
import time

from mungo.fleet import Fleet
from mungo.mqtt import Client

NAME = os.getenv("NAME")
SILENT = bool(os.getenv("SILENT"))


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")  # in one piece: threads say it


def work(data):
    submitter, n, ms = data
    if not SILENT:
        say("ran", submitter, n)
    time.sleep_ms(ms)
    return [submitter, n, n * n, NAME]


mqtt = Client(os.getenv("URL"), id=NAME, version=5, keep_alive_s=int(os.getenv("KEEP_ALIVE_S")), log=None)
fleet = Fleet(mqtt, site="trial", lease_ms=int(os.getenv("LEASE_MS")))
fleet.job("work", worker=True, at_once=int(os.getenv("AT_ONCE")))(work)
fleet.job("once", worker=True, at_once=1, idempotent=False)(work)
mqtt.connected(lambda: say("ready"))
fleet.run(rx_bytes=1024)  # as on RP2
