# The fields that a program puts into a head, of an answer or a request.
from .kinds import fit


def fields(hm, headers):
    """The program's `headers` as the text of fields; `hm.keep_alive` becomes False if they say so. ValueError for what can't be one."""
    # What a program puts into a field must not be able to end it: a CR or LF there would start another, or another answer.
    text = ""
    if isinstance(headers, str):
        if headers[-2:] != "\r\n":
            raise ValueError("headers %r: each must end with CRLF" % headers)
        headers = headers[:-2].split("\r\n")
    for pair in headers.items() if isinstance(headers, dict) else headers:
        name, value = pair.split(":", 1) if isinstance(pair, str) else pair
        value = str(value).strip(" \t")
        if not (name and fit(name.encode(), 1)) or "\r" in value or "\n" in value or "\0" in value:
            raise ValueError("header %r: %r: want a token, and no CR, LF or NUL" % (name, value))
        lower = name.lower()
        if lower in ("content-length", "transfer-encoding"):
            raise ValueError("header %r: it is for mungo to say" % name)
        option = value.lower() if lower == "connection" else ""
        if "close" in option and hm.keep_alive:
            hm.keep_alive = False
        if option != "close":  # which follows from keep_alive
            text += "%s: %s\r\n" % (name, value)
    return text
