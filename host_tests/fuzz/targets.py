"""What is fuzzed: every parser that reads what a peer sends, or what a board finds in its flash.

Each target takes any bytes, checks a property, may raise nothing, and returns something that is the same on every runtime. No modules but
those that MicroPython has: replay.py runs the kept inputs there too, where the machine code serves.
"""

import asked
import bodies
import heads
import lookups
import mqtt_packets
import nearby
import onboard
import sockets

# name: (target, its share of the inputs). Those that read whole messages have a large one, though they are slow.
ALL = {
    "request": (heads.request, 8),
    "chunked": (heads.chunked, 8),
    "scanners": (heads.scanners, 8),
    "response": (heads.response, 8),
    "multipart": (bodies.multipart, 8),
    "frames": (sockets.frames, 8),
    "messages": (sockets.messages, 4),
    "handshake": (sockets.handshake, 4),
    "dialled": (sockets.dialled, 4),
    "formbody": (bodies.formbody, 4),
    "app": (asked.app, 3),
    "file": (asked.file, 3),
    "ranges": (asked.ranges, 4),
    "date": (asked.date, 4),
    "auth": (asked.auth, 4),
    "signed": (asked.signed, 2),
    "routes": (asked.routes, 3),
    "form": (bodies.form, 8),
    "json": (bodies.json, 8),
    "names": (bodies.names, 4),
    "resumed": (bodies.resumed, 3),
    "paths": (bodies.paths, 4),
    "redirects": (bodies.redirects, 4),
    "fields": (heads.fields, 4),
    "events": (sockets.events, 3),
    "settings": (onboard.settings, 4),
    "captive": (onboard.names, 4),
    "dns": (lookups.dns, 8),
    "mdns": (nearby.responder, 8),
    "mdns_found": (nearby.found, 8),
    "mqtt": (mqtt_packets.packets, 30),
    "topics": (mqtt_packets.topics, 3),
}

TARGETS = {name: it[0] for name, it in ALL.items()}
