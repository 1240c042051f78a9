"""The machine: its processors, limits and versions."""

import contextlib
import datetime
import importlib.metadata
import os
import platform
import resource
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MICROPYTHON = os.environ.get("MICROPYTHON") or str(ROOT / ".venv/bin/micropython")
PEERS = ("microdot", "chumicro-http-server")
DESCRIPTORS = 4096  # enough for a thousand idle connections


def processors():
    """(the servers' processor, the client's processor), or (None, None) if there is no choice."""
    if not hasattr(os, "sched_setaffinity"):
        return None, None
    free = sorted(os.sched_getaffinity(0))
    return (free[0], free[1]) if len(free) > 1 else (None, None)


SERVER_CPU, CLIENT_CPU = processors()


def raise_limits():
    """Raise the limit of descriptors for this process and its children. Return the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < DESCRIPTORS and (hard == resource.RLIM_INFINITY or hard >= DESCRIPTORS):
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, hard))
        soft = DESCRIPTORS
    return soft


def version(package):
    """The version of a package; "" if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def facts():
    """The facts about this machine, as a dict for the results."""
    model = "unknown processor"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    asked = "import sys; print(sys.version.split('; ')[-1]); print(getattr(sys.implementation, '_build', ''))"
    said = subprocess.run([MICROPYTHON, "-c", asked], stdout=subprocess.PIPE, text=True).stdout.split("\n")
    return {
        "date": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "processor": model,
        "cores": os.cpu_count(),
        "system": "%s %s" % (platform.system(), platform.release()),
        "micropython": said[0].strip(),
        "cpython": platform.python_version(),
        "peers": {name: version(name) for name in PEERS},
        "server_cpu": SERVER_CPU,
        "client_cpu": CLIENT_CPU,
        "load_at_start": os.getloadavg()[0],
    }


def describe(facts):
    """The facts as lines of Markdown."""
    yield "- %(processor)s; %(cores)s cores; %(system)s" % facts
    if facts["server_cpu"] is None:
        yield "- servers and client share processors: use the CPU figures, not req/s"
    else:
        yield "- servers on processor %(server_cpu)d, client on %(client_cpu)d, over 127.0.0.1" % facts
    peers = "; ".join("%s %s" % (name, version or "is not installed") for name, version in facts["peers"].items())
    yield "- %s; CPython %s; %s" % (facts["micropython"], facts["cpython"], peers)
    yield "- %(date)s; load average at the start %(load_at_start).2f" % facts


@contextlib.contextmanager
def on_client_cpu():
    """A context manager: this process runs on the client's processor."""
    if CLIENT_CPU is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CLIENT_CPU})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
