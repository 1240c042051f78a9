# Which bytes may stand where, for both scanners. 1: in names and methods (RFC 9110 section 5.6.2); 2: in a field's value (5.5);
# 4: in a request's target (RFC 3986, no fragment). In the value of Host (RFC 3986 section 3.2) 8: in a name; 16: digits, as in a port;
# 32: from a bracket to its end.
KINDS = bytearray(b"\2" * 256)
# (Numbers, not characters: chr() would leave each in the table of interned names for good.)
for n in range(128):
    KINDS[n] = 47 if 65 <= n & ~32 < 91 else 63 if 48 <= n < 58 else 6 if 32 < n < 127 else 0
# The others, and below each its kind; a slash is 47, a full stop 46, an ampersand 38.
for n, kind in zip(
    b"!$%&'*+-._~(),;=:[^`|#\t ",
    b"///////////.....&&\7\7\7\3\2\2",
):
    KINDS[n] = kind


def fit(data, kind):
    """Whether all of these bytes may stand in a place of this kind."""
    for x in data:
        if not KINDS[x] & kind:
            return False
    return True
