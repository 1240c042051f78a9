# What the server answers by itself, most of it when something fails. It loads with the server: to load it then might fail too.
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_LAST = const(b"HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n")

# The statuses and their words, RFC 9110 section 15. response.py has those of programs' answers.
REASONS = (
    b"400 Bad Request\n408 Request Timeout\n413 Content Too Large\n414 URI Too Long\n417 Expectation Failed\n"
    b"431 Request Header Fields Too Large\n500 Internal Server Error\n501 Not Implemented\n503 Service Unavailable\n"
    b"505 HTTP Version Not Supported\n"
)


def find_reason(reasons, status):
    """The words of a status in a table like REASONS, as bytes; b"" if it is not there."""
    at = reasons.find(b"%d" % status) + 4
    return reasons[at : reasons.find(b"\n", at)] if at > 3 else b""


BUSY = _LAST % (503, find_reason(REASONS, 503), b"Retry-After: 1\r\n", 0)


def refusal(status, is_head, date=b""):
    """The answer that refuses a request with one of these statuses, and is the last: bytes. `date`: its field Date."""
    if status == 503:
        return BUSY
    reason = find_reason(REASONS, status)
    head = _LAST % (status, reason, date + b"Content-Type: text/plain\r\n", len(reason) + 1)
    return head if is_head else head + reason + b"\n"
