# The settings that are places in a network: whether the library can take them. schema.py loads this for those that are set.
import json
import sys

from mungo.core.url import parse

PLACES = {
    "HOST": ("tcp://%s:1", "an address such as 127.0.0.1, 0.0.0.0 or [::1], or localhost"),
    "BACKEND": ("tcp://%s", "address:port, for example 127.0.0.1:8001"),
    "URL": ("tcp://%s", "http://address:port/path, or https:"),
}


def check(name, value):
    """Raise ValueError, which says what is allowed, if this setting must not have this value, a str."""
    pattern, wanted = PLACES[name]
    sys.modules.pop("places", None)  # as schema.py, this is for the start only
    try:
        place = value
        if name == "URL":
            from mungo.http.urls import split_url

            place = split_url(value, tls=True)[0]
        if parse(pattern % place, "tcp")[1]:  # 0 is no port
            return
    except ValueError:
        pass
    raise ValueError("%s: %s: want %s" % (name, json.dumps(value), wanted))
