# mungo: a poll-based event manager. `import mungo` is light; the parts load when they are used.
#
# The events, in the order of the C original where it has them. A handler is fn(c, ev, ev_data, fn_data).
#
# event          ev_data                      when
# EV_ERROR       str, what went wrong         before the EV_CLOSE of a connection that failed
# EV_OPEN        None                         the connection exists (inside listen, connect, wrap, mkpipe; on accept)
# EV_POLL        int, ticks_ms                each turn of poll, for the connections in mgr.poll_events
# EV_RESOLVE     str, the address             outgoing: it is known
# EV_CONNECT     None                         outgoing: established
# EV_ACCEPT      None                         incoming, right after EV_OPEN
# EV_TLS_HS      None                         TLS: the handshake is complete. (A server learns that by the first data.)
# EV_READ        int, number of new bytes     stream: they are in c.recv (an HTTP server's handler has run before)
#                bytes, the message           pipe: one for each send of the worker; UDP: one datagram
# EV_WRITE       None                         a backlog has drained: there is room again
# EV_CLOSE       None                         the last event of every connection that had EV_OPEN, exactly once
# EV_HTTP_HDRS   Request; client: Response    the head is complete, the body may still be coming
# EV_HTTP_MSG    Request; client: Response    the body is complete: answer it, now or later
# EV_WS_OPEN     None                         the WebSocket's handshake is done
# EV_WS_MSG      str or bytes                 a message: text or binary
# EV_WS_CTL      (opcode, bytes)              a control frame: 8 close, 9 ping (it has been answered), 10 pong
# EV_MQTT_CMD    Parser; PUBLISH: Message     a packet, after what it means has been done; see mqtt/packets.py
# EV_MQTT_MSG    Message                      a message, or a piece of a large one
# EV_MQTT_OPEN   Parser: a CONNACK            the broker has accepted the connection
# EV_SNTP_TIME   (time_us, offset_us,         a time server has answered, see sntp.py
#                delay_us, drift_ppm)
# EV_WAKEUP      bytes                        what another thread gave to mgr.wakeup(c.id, data)
# EV_USER        the program's own            the first free number
# (20 to 22 are free.)
#
# Orders that are kept:
#   listener       OPEN .. CLOSE
#   accepted       OPEN ACCEPT (TLS_HS) READ .. CLOSE
#   HTTP request   HTTP_HDRS HTTP_MSG READ; the next request only after this one's answer
#   WebSocket      HTTP_MSG, or CONNECT of a client; WS_OPEN, WS_MSG or WS_CTL .. CLOSE; after each segment READ
#   outgoing       OPEN RESOLVE CONNECT (TLS_HS) .. CLOSE, or OPEN .. ERROR CLOSE
#   HTTP client    OPEN RESOLVE CONNECT (HTTP_HDRS HTTP_MSG READ).. CLOSE; a body that ends with the connection: HTTP_MSG CLOSE
#   MQTT           OPEN RESOLVE CONNECT (TLS_HS) MQTT_OPEN MQTT_CMD READ (MQTT_MSG MQTT_CMD READ).. CLOSE
#   pipe           OPEN (inside mkpipe) READ .. CLOSE
# CLOSE and ERROR never come inside a handler's own send, reply or is_closing = True, but after it has returned.
# (The library's own files have these numbers as private constants, which cost nothing on a board; a test holds them equal.
# `const` needs no import: MicroPython's compiler knows it. An import of it would cost each file 16 bytes of bytecode.)

import _thread

__version__ = "0.1.0"

EV_ERROR = 0
EV_OPEN = 1
EV_POLL = 2
EV_RESOLVE = 3
EV_CONNECT = 4
EV_ACCEPT = 5
EV_TLS_HS = 6
EV_READ = 7
EV_WRITE = 8
EV_CLOSE = 9
EV_HTTP_HDRS = 10
EV_HTTP_MSG = 11
EV_WS_OPEN = 12
EV_WS_MSG = 13
EV_WS_CTL = 14
EV_MQTT_CMD = 15
EV_MQTT_MSG = 16
EV_MQTT_OPEN = 17
EV_SNTP_TIME = 18
EV_WAKEUP = 19
EV_USER = 23

# Without a GIL a dict that grows while another thread reads it is a race. So every name that importing a part will store in this
# module is there from the start, and __getattr__ stores none but its own. Nor may two threads import at the same time. (See internals:
# NAMES.)
core = http = manager = mqtt = None
for _manager in "aio app auth cookies cors dash dns fetch fleet mdns ota port rtc sntp sse threads tls ws".split():
    globals()[_manager] = None
_manager = None
_importing = _thread.allocate_lock()


def __getattr__(name) -> "Any":  # noqa: F821  # pyright: ignore
    global _manager
    if name == "flash":  # each Manager has loaded it
        from .port.flash import flash

        return flash
    if name != "App" and name != "Manager" and name != "Tls":
        raise AttributeError(name)
    with _importing:
        if name == "Tls":
            from .tls import Tls

            return Tls
        if name == "App":
            from .app import App

            return App
        if _manager is None:
            from .manager import Manager
            from .threads import pipe  # noqa: F401  # for mkpipe: later a descriptor or memory may be short. (`app.run` does without)

            _manager = Manager
        return _manager
