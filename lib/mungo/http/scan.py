# The scanner of heads, machine code if this system can load it; and the table in which it notes where things are.
#
# scan(data, start, end, tab) checks a request's head, or fields alone, in one pass. The table is an array of 27 integers. Both scanners
# write it, and parser.py reads it for all others. Places are counted in the data; three are given:
#    0  where the method starts       4  where the target ends         8  how many fields there are
#    1  where it ends                 5  the x of HTTP/1.x             9  (given) the most bytes of the head
#    2  where the target starts       6  where the first field starts 10  (given) the most fields
#    3  its question mark, or 4       7  behind the empty line        26  (given) 1: fields alone, without a request line
# Five fields have three places: how often the field came, then where its last value starts, and where it ends.
#   11  Host      14  Expect      17  Connection      20  Content-Length      23  Transfer-Encoding
from array import array

try:
    from .scan_viper import scan
except Exception:  # no machine code here, an .mpy of another architecture, or no memory for it
    from .scan_portable import scan  # noqa: F401

_MOST_FIELDS = const(100)


def request_table(limit):
    """A table for requests' heads of up to `limit` bytes. All requests that one thread parses share it: `Request.keep` makes a copy."""
    tab = array("i", bytes(108))
    tab[9] = limit
    tab[10] = _MOST_FIELDS
    return tab


def fields_table(limit, fields=_MOST_FIELDS):
    """A table for fields alone, up to `limit` bytes and so many fields: trailers, a part of a form, what follows a status line."""
    tab = request_table(limit)
    tab[10] = fields
    tab[26] = 1
    return tab
