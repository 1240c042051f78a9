# Conditional requests and ranges (RFC 9110 sections 8.8, 13 and 14): does the client have this file already, and which part does it want?
from .header_lists import split_list
from .now import http_date  # noqa: F401  (both directions of dates are found here)


def evaluate(fields, method, tag, date, size):
    """What to answer for a file that exists: (status, start, length), where the status is 200, 206, 304, 412 or 416.

    `fields`: the request's fields, a dict with names in lower case, each with its combined value. `tag` and `date`: the file's ETag,
    without W/, and its Last-Modified; a `date` of "" means that it is not known, and that the tag is weak. Both are "" for a file that
    has none. `size` in bytes.

    Of several ranges in one request the whole file is sent, which section 14.2 allows: multipart answers cost a server more than they
    save, and browsers ask for one range.
    """
    get = fields.get
    tags = get("if-match")
    if tags is not None:
        is_changed = not matches(tags, date and tag)
    else:
        is_changed = "" < moment(get("if-unmodified-since")) < moment(date)
    if is_changed:
        return 412, 0, 0
    tags = get("if-none-match")
    since = get("if-modified-since")
    if matches(tags, tag, True) if tags is not None else since and "" < moment(date) <= moment(since):
        return 304, 0, 0
    validator = get("if-range")
    if method == "GET" and (not validator or date and (validator == tag or moment(validator) == moment(date))):
        value = get("range", "").lower()
        first, dash, last = value[6:].strip(", \t").partition("-")  # (a list may have empty members)
        if value[:6] == "bytes=" and dash and len(value) < 40 and size and not (first + last or "-").strip("0123456789"):
            if first:
                start = int(first)
                end = min(int(last) + 1, size) if last else size
            else:  # the last bytes
                start = max(size - int(last), 0)
                end = size
            if start >= size:
                return 416, 0, 0
            if start < end:
                return 206, start, end - start
    return 200, 0, size


def matches(tags, tag, is_weak=False):
    """Whether the ETag `tag` is among `tags`, a field's value; "" is in no list. `is_weak`: whether W/ there makes no difference."""
    for member in split_list(tags, False) if tag else ():
        if member == tag or is_weak and member == "W/" + tag:
            return True
    return tags == "*"


def moment(date):
    """A str that compares as the time of this date field does; "" if there is none, or it is not a date."""
    if not date:
        return ""
    from .date import parse_date  # rarely used: clients that have a date also have the ETag, which counts

    return parse_date(date)
