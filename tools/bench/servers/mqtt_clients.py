# One MQTT client of tools/bench/tables/mqtt.py: CLIENT "in 0" or the like, the number of messages, the broker's port. It prints how many
# microseconds all of them took, by the clock and of the processor, and, with a further argument, which turns the collector off, how many
# bytes they have left on the heap.

import gc
import sys
import time

CLIENT, MODE, N, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
QOS = int(MODE[-1])
IS_IN = MODE[0] == "i"
TOPIC = "sensors/a/temperature"
PAYLOAD = b"21.5"
counts = [0, 0]  # received or sent, acknowledged
began = []


def begin():
    gc.collect()
    if sys.argv[5:]:
        gc.disable()
    began.extend((time.ticks_us(), time.clock(), gc.mem_alloc()))


def end():
    us = time.ticks_diff(time.ticks_us(), began[0])
    print(us, (time.clock() - began[1]) * 1e6, gc.mem_alloc() - began[2])


def mungo_client():
    import mungo

    def send(c):
        while counts[0] < N and c.publish(TOPIC, PAYLOAD, QOS) is not False:
            counts[0] += 1

    def handler(c, ev, data, fn_data):
        if ev == mungo.EV_MQTT_MSG:
            counts[0] += 1
        elif ev == mungo.EV_MQTT_OPEN:
            begin()
        elif ev == mungo.EV_MQTT_CMD and data.type == 4:
            counts[1] += 1
        if not IS_IN and began and ev != mungo.EV_CLOSE:
            send(c)

    mgr = mungo.Manager()
    c = mgr.mqtt_connect("mqtt://127.0.0.1:%d" % PORT, handler, id="bench")
    while counts[0] < N or c.out is not None or QOS and not IS_IN and counts[1] < N:
        mgr.poll(1000)
        if began and not IS_IN and c.out is None:
            send(c)


def everyday_client():
    import mungo
    from mungo.mqtt import Client

    mqtt = Client("mqtt://127.0.0.1:%d" % PORT, id="bench", log=None, outbox=64)

    @mqtt.on("sensors/<name>/temperature", qos=QOS)
    def count(msg, name):
        counts[0] += 1

    def acknowledged(error):
        counts[1] += 1

    mqtt.connected(begin)
    mgr = mungo.Manager()
    mqtt.attach(mgr)
    while counts[0] < N or QOS and not IS_IN and counts[1] < N or mqtt.outbox.count or mqtt.c.out is not None:
        mgr.poll(1000)
        if began and not IS_IN:
            while counts[0] < N and mqtt.outbox.count < 32:
                mqtt.publish(TOPIC, PAYLOAD, QOS, on_done=acknowledged if QOS else None)
                counts[0] += 1


def umqtt_client():
    from umqtt.simple import MQTTClient

    def count(topic, payload):
        counts[0] += 1

    c = MQTTClient("bench", "127.0.0.1", PORT)
    c.set_callback(count)
    c.connect()
    begin()
    if IS_IN:
        while counts[0] < N:
            c.wait_msg()
    else:
        for _ in range(N):
            c.publish(TOPIC, PAYLOAD, qos=QOS)


def mqtt_as_client():
    import asyncio

    from mqtt_as import MQTTClient, config

    def count(topic, payload, retained):
        counts[0] += 1

    async def main():
        c = MQTTClient(config)
        await c.connect(quick=True)
        begin()
        if IS_IN:
            while counts[0] < N:
                await asyncio.sleep_ms(1)
        else:
            for _ in range(N):
                await c.publish(TOPIC, PAYLOAD, qos=QOS)

    config.update(server="127.0.0.1", port=PORT, subs_cb=count, ssid="", wifi_pw="", client_id="bench")
    asyncio.run(main())


{"mungo": mungo_client, "mungo.mqtt.Client": everyday_client, "umqtt.simple": umqtt_client, "mqtt_as": mqtt_as_client}[CLIENT]()
end()
