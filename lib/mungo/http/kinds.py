# Which bytes may stand where, for both scanners. 1: in names and methods (RFC 9110 section 5.6.2); 2: in a field's value (5.5);
# 4: in a request's target (RFC 3986, no fragment). In the value of Host (RFC 3986 section 3.2) 8: in a name; 16: in a port;
# 32: from a bracket to its end.
KINDS = bytearray(b"\2" * 256)
for n in range(128):
    # (Numbers, not characters: chr() would leave each in the table of interned names for good.)
    if 48 <= n < 58:
        KINDS[n] = 63
    elif 65 <= n & ~32 < 91 or n in b"!$%&'*+-._~":
        KINDS[n] = 47
    elif n in b"^`|":
        KINDS[n] = 7
    elif n in b"(),;=":
        KINDS[n] = 46
    elif n in b":[":
        KINDS[n] = 38
    elif n in b"\t #":
        KINDS[n] = 3 if n == 35 else 2
    else:
        KINDS[n] = 6 if 32 < n < 127 else 0
