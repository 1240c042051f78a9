# The settings that are places in a network: whether the library can take them. schema.py loads this for those that are set.
import json
import sys

from mungo.core.url import parse

# name: (what makes a URL of it, whether it may be a name, what is wanted)
PLACES = {
    "HOST": ("tcp://%s:1", False, "an address such as 127.0.0.1, 0.0.0.0 or [::1], or localhost"),
    "BACKEND": ("tcp://%s", True, "host:port, for example 127.0.0.1:8001"),
    "URL": ("tcp://%s", True, "http://host:port/path, or https:"),
    "BROKER": ("tcp://%s", True, "mqtt://host:port, or mqtts:, without a user"),
}


def check(name, value):
    """Raise ValueError, which says what is allowed, if this setting must not have this value, a str."""
    pattern, may_be_name, wanted = PLACES[name]
    sys.modules.pop("places", None)  # as schema.py, this is for the start only
    try:
        place = value
        if name == "URL":
            from mungo.http.urls import split_url

            place = split_url(value, tls=True)[0]
        elif name == "BROKER":
            scheme, _, place = value.partition("://")
            if scheme not in ("mqtt", "mqtts") or not place:
                raise ValueError
            if ":" not in place.split("]")[-1]:
                place += ":1883"
        host, port = parse(pattern % place, "tcp", may_be_name)
        if port and " " not in host:
            return
    except ValueError:
        pass
    raise ValueError("%s: %s: want %s" % (name, json.dumps(value), wanted))
