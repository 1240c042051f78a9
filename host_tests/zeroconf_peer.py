"""PyPI's zeroconf at the other end, a process of its own in a network of its own. It reads lines and answers each by one.

address NAME            the address of NAME.local, or None
browse SECONDS          what offers _http._tcp: {instance: [address, port, host, properties]}, once something does
gone SECONDS            waits until nothing does any more: True
register NAME PORT      offers it, and has NAME.local: the instance's name
end
"""

import sys
import time

from zeroconf import AddressResolver, IPVersion, ServiceBrowser, ServiceInfo, Zeroconf

HTTP = "_http._tcp.local."


class Seen:
    def __init__(self):
        self.names = set()

    def add_service(self, zc, kind, name):
        self.names.add(name)

    def update_service(self, zc, kind, name):
        pass

    def remove_service(self, zc, kind, name):
        self.names.discard(name)


def until(ready, seconds):
    deadline = time.monotonic() + seconds
    while not ready() and time.monotonic() < deadline:
        time.sleep(0.02)
    return ready()


def main(own):
    zc = Zeroconf(interfaces=[own], ip_version=IPVersion.V4Only)
    seen = Seen()
    ServiceBrowser(zc, HTTP, seen)
    print("ready", flush=True)
    for line in sys.stdin:
        word, *args = line.split()
        if word == "end":
            break
        if word == "address":
            found = AddressResolver(args[0] + ".local.")
            print(found.parsed_addresses()[0] if found.request(zc, 20000) else None, flush=True)
        elif word == "browse":
            until(lambda: seen.names, float(args[0]))
            found = {}
            for name in sorted(seen.names):
                info = zc.get_service_info(HTTP, name, 20000)
                found[name] = info and [info.parsed_addresses()[0], info.port, info.server, info.properties]
            print(found, flush=True)
        elif word == "gone":
            print(until(lambda: not seen.names, float(args[0])), flush=True)
        elif word == "register":
            name = f"{args[0]}.{HTTP}"
            address = bytes(map(int, own.split(".")))
            zc.register_service(
                ServiceInfo(HTTP, name, int(args[1]), addresses=[address], server=args[0] + ".local.", properties={"a": "b"})
            )
            print(name, flush=True)
    zc.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
