# Which bytes may stand where, for both scanners. A class is a bit. 1: in names and methods (RFC 9110 section 5.6.2); 2: in a field's
# value (5.5); 4: in a request's target (RFC 3986, no fragment). In the value of Host (RFC 3986 section 3.2) 8: in a name; 16: digits, as
# in a port; 32: from a bracket to its end. 128: of a character beyond ASCII, which a target may have as UTF-8.
CLASSES = bytearray(9) + b"\2" + bytearray(22) + b"\2" * 96 + b"\x82" * 128  # a tab; all that are no control characters
# ASCII from the space on, in its order. A slash is 47 (1 2 4 8 32), a question mark 63 (and 16), a full stop 46, an ampersand 38.
CLASSES[32:128] = (
    b"\2/\6\3////..//.//\6"
    b"??????????&.\6.\6\6"  # 0 to 9
    b"\6//////////////////////////&\6\6\7/"  # A to Z
    b"\7//////////////////////////\6\7\6/\0"  # a to z
)


def all_in(data, mask):
    """Whether each byte of `data` is in one of these classes: `mask` is a sum of their bits."""
    for x in data:
        if not CLASSES[x] & mask:
            return False
    return True
