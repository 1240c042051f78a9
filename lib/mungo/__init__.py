# mungo: a poll-based event manager. `import mungo` is light; the parts load when they are used.
from .event import *  # noqa: F403

__version__ = "0.1.0"

# Without a GIL a dict that grows while another thread reads it is a race. So every name that importing a part will store in this
# module is there from the start, and __getattr__ stores none.
backlog = barepipe = buffer = connection = crowd = dial = doorbell = event = http = limits = linger = listen = loop = loopback = None
manager = match = patience = pipe = polled = port = ring = shutdown = timer = udp = url = None


def __getattr__(name):
    if name == "Manager":
        from .manager import Manager

        return Manager
    raise AttributeError(name)
