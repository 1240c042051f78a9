# Names that end in .local: all devices nearby are asked, and any of them may answer (RFC 6762 section 5.1). This loads with the first of
# them.
GROUP = "udp://224.0.0.251:5353"


def ask_nearby(lookup):
    """Have this Lookup ask the devices nearby."""
    lookup.group = GROUP
    lookup.why = "timeout: no device has the name"
