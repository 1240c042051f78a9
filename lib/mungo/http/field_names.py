# Names of fields as keys of a dict: they have no case (RFC 9110 section 5.1), keys have.


def spelled(headers, name):
    """The key in the dict `headers` that is the field `name`, in any case; `name` if there is none."""
    lower = name.lower()
    for key in headers:
        if key.lower() == lower:
            return key
    return name
