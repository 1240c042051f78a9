# Names that end in .local: all devices nearby are asked, and any of them may answer (RFC 6762 section 5.1). This loads with the first of
# them.
from .resolver import Lookup

GROUP = "udp://224.0.0.251:5353"


class NearbyLookup(Lookup):
    """A name of a device nearby that is being looked up."""

    is_local = True
    why = "timeout: no device has the name"

    def servers(self):
        """As Lookup's: the group that all devices are in."""
        return [(GROUP, self.resolver.address_of(GROUP))]
