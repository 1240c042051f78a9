# Which bytes may stand where, for both scanners. 1: in names and methods (RFC 9110 section 5.6.2); 2: in a field's value (5.5);
# 4: in a request's target (RFC 3986, no fragment); 8: in the value of Host (RFC 3986 section 3.2).
KINDS = bytearray(b"\2" * 256)
for _b in range(128):
    _c = chr(_b)
    if _c.isalpha() or _c.isdigit() or _c in "!$%&'*+-._~":
        KINDS[_b] = 15
    elif _c in "^`|":
        KINDS[_b] = 7
    elif _c in "(),:;=[]":
        KINDS[_b] = 14
    elif not " " < _c < "\x7f" or _c == "#":
        KINDS[_b] = 3 if _c == "#" else 2 * (_c in " \t")
    else:
        KINDS[_b] = 6

# The fields that decide how a message is read. No two have the same length, so a name's length says which one it could be; then
# all of it is compared, exactly: a hash that collides would be a smuggling hole.
KNOWN = b"hostexpectconnectioncontent-lengthtransfer-encoding"
