"""MQTT over TLS, with a broker of the same manager: client certificates, and what is refused."""

import mungo
from mqttnet import connack, publish, split
from mungo import EV_CLOSE, EV_CONNECT, EV_ERROR, EV_MQTT_MSG, EV_MQTT_OPEN, EV_READ, EV_TLS_HS
from net import listening
from raising import refused
from waiting import kinds, recorder, until

MIN_HEAP = "1M"
CERTIFICATES = True  # in build/certificates
FOLDER = "build/certificates/"


def serve(c, ev, data, fn_data):
    if ev == EV_READ:
        packets, _ = split(c.recv.read())
        if packets and packets[0][0] == 0x10:
            c.send(connack() + publish("a", b"hi"))


def connect(server, client):
    """The events of a connection with the client's Tls to a server with that one."""
    handler, events = recorder()
    with mungo.Manager() as mgr:
        _, port = listening(lambda url: mgr.listen(url, serve, tls=server), "tls")
        refused(mgr.mqtt_connect, "mqtts://localhost:%d" % port, handler)
        mgr.mqtt_connect("mqtts://localhost:%d" % port, handler, id="me", tls=client)
        until(lambda: EV_MQTT_MSG in kinds(events) or EV_CLOSE in kinds(events), mgr)
    return kinds(events)


def tls(name=None, **options):
    if name:
        options["cert"] = FOLDER + name + ".pem"
        options["key"] = FOLDER + name + ".key"
    return mungo.Tls(**options)


def test_a_broker_with_tls():
    seen = connect(tls("server"), tls(ca=FOLDER + "ca.pem"))
    assert EV_ERROR not in seen and EV_MQTT_MSG in seen
    assert seen.index(EV_CONNECT) < seen.index(EV_TLS_HS) < seen.index(EV_MQTT_OPEN)


def test_a_client_shows_its_certificate():
    server = tls("server", ca=FOLDER + "ca.pem")
    assert EV_MQTT_MSG in connect(server, tls("client", ca=FOLDER + "ca.pem"))
    seen = connect(server, tls(ca=FOLDER + "ca.pem"))
    assert EV_MQTT_OPEN not in seen and seen[-1] == EV_CLOSE


def test_a_broker_that_nobody_vouches_for_gets_no_packet():
    seen = connect(tls("server"), tls(ca=FOLDER + "other_ca.pem"))
    assert EV_ERROR in seen and EV_MQTT_OPEN not in seen
