# Which bytes may stand where, for both scanners. 1: in names and methods (RFC 9110 section 5.6.2); 2: in a field's value (5.5);
# 4: in a request's target (RFC 3986, no fragment); 8: in the value of Host (RFC 3986 section 3.2).
def _kinds():
    kinds = bytearray(256)
    for b in range(256):
        if b == 9 or 32 <= b != 127:
            kinds[b] = 2
        if 33 <= b < 127:
            c = chr(b)
            if c != "#":
                kinds[b] |= 4
            if c.isalpha() or c.isdigit():
                kinds[b] |= 9
            if c in "!#$%&'*+-.^_`|~":
                kinds[b] |= 1
            if c in "-._~!$&'()*+,;=:%[]":
                kinds[b] |= 8
    return bytes(kinds)


KINDS = _kinds()

# The fields that decide how a message is read. No two have the same length, so a name's length says which one it could be; then
# all of it is compared, exactly: a hash that collides would be a smuggling hole.
KNOWN = b"hostexpectconnectioncontent-lengthtransfer-encoding"
