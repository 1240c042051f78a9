# Heads beyond the common case of the parser, RFC 9112 sections 3.2, 6 and 9.3, RFC 9110 section 10.1.1; and how fields are read.
from ..core import utf8
from .header_lists import combined_value, split_list
from .scan import fields_table, scan

_CR = const(13)
_LF = const(10)


def fields(data, at):
    """The fields that start in `data` at `at` and are known to be right, in their order, each as (name, value), one by one."""
    while data[at] != _CR:
        colon = data.find(b":", at)
        end = data.find(b"\r", colon)
        yield data[at:colon].decode(), text(data[colon + 1 : end]).strip(" \t")
        at = end + 2


def find_field(data, at, name, default):
    """The value of the first of these fields with this name, in any case; else `default`."""
    name = name.lower()
    for field, value in fields(data, at):
        if len(field) == len(name) and field.lower() == name:
            return value
    return default


def text(raw):
    """A field's value as str: UTF-8, or Latin-1 where it is not that."""
    try:
        return utf8.text(raw)
    except ValueError:
        return "".join(map(chr, raw))


def members(hm, name):
    """The members of a list, in lower case (RFC 9110 section 5.6.1)."""
    return split_list(combined_value(hm.headers(), name).lower())


def skip_lines(buf):
    """Drop empty lines before a request (section 2.2): how many bytes are left; -400 if a CR is followed by something else; 0: NEED."""
    data = buf.data
    while len(buf) and data[buf.start] == _CR:
        if len(buf) == 1:
            return 0
        if data[buf.start + 1] != _LF:
            return -400
        buf.consume(2)
    return len(buf)


def snapshot(hm, buf, kind):
    """A Request of the class `kind` with copies of the head and of the collected body: for a thread, or to keep."""
    hm.keep(buf)
    copy = kind(hm.tab)
    copy.data = hm.data
    copy.whole = hm.body
    copy.authority = hm.authority
    return copy


def judge(hm, expects, is_path):
    """Read a request's head that is not common: 0, or minus a status. How often came Expect, and is the target a path?"""
    method = hm.method
    hm.is_head = method == "HEAD"
    hm.authority = ""
    if method == "CONNECT":  # a server is no proxy; and this method's target is host:port (RFC 9110 section 9.3.6)
        host, _, port = hm.target.rpartition(":")
        return -501 if port.isdigit() and 0 < int(port) < 65536 and _is_host(hm, host) else -400
    status = hm.read_framing()
    if status:
        return status
    if expects and not hm.is_old:
        for member in members(hm, "expect"):
            if member != "100-continue":
                return -417
            hm.expects = hm.is_body_pending
    return 0 if is_path else _read_target(hm)


def read_framing(hm, connections, lengths, codings):
    """Request.read_framing. How often came Connection, Content-Length, Transfer-Encoding?"""
    hm.is_plain = hm.is_bare = False
    options = members(hm, "connection") if connections else ()
    hm.keep_alive = "close" not in options and (not hm.is_old or "keep-alive" in options)
    if not codings:
        return hm.read_length() if lengths else 0
    # Both a length and a coding: one of them is a lie. Unless chunked comes last, and once, nothing says where the body ends.
    codes = members(hm, "transfer-encoding")
    if lengths or hm.is_old or codes[-1:] != ["chunked"] or codes.count("chunked") > 1:
        return -400
    if codes[1:]:
        return -501
    hm.begin_chunks()
    return 0


def _read_target(hm):
    # absolute-form, or "*" of OPTIONS: 0, or minus a status.
    target = hm.target
    if target == "*":
        return 0 if hm.method == "OPTIONS" else -400
    scheme, _, rest = target.partition("://")
    # A request for https must have come over TLS (RFC 9110 section 7.4).
    if scheme.lower() not in ("http", "https" if hm.is_tls else "http"):
        return -400
    hm.authority = host = rest.partition("?")[0].partition("/")[0]
    hm.skip_authority(len(target) - len(rest) + len(host))
    return 0 if _is_host(hm, host) else -400


def _is_host(hm, host):
    # Whether this, which takes the place of Host, is like one, and not empty.
    line = ("Host:%s\r\n\r\n" % host).encode()
    return host[:1] not in ":" and scan(line, 0, len(line), fields_table(hm.head_limit)) > 0
