# Field values that are lists, and the parameters of their members: RFC 9110 sections 5.3, 5.6.1 and 5.6.6.
#
# `Accept-Encoding: br;q=0.5, gzip` is the list br;q=0.5 and gzip; the first member has the parameter q.
from .field_names import spelled


def combined_value(fields, name):
    """The values of all fields of this name, joined by commas; "" if there is no such field (RFC 9110 section 5.3).

    `fields`: pairs (name, value) of str, as `Request.headers` gives them. `name`: in lower case.
    """
    values = []
    for field, value in fields:
        if len(field) == len(name) and field.lower() == name:
            values.append(value)
    return ",".join(values)


def split_list(value, has_escapes=True):
    """The members of a list, each a str without the blanks around it; empty members are left out (RFC 9110 section 5.6.1).

    A comma in a quoted string separates nothing. A quote behind a backslash does not end the string, unless `has_escapes` is False:
    in an entity tag a backslash is a character like any other (section 8.8.3). What follows a quote that is never closed is one member.
    """
    members = []
    start = end = quotes = 0
    for piece in value.split(","):
        end += len(piece)
        if has_escapes:
            piece = piece.replace("\\\\", "").replace('\\"', "")
        quotes += piece.count('"')
        if not quotes & 1 or end == len(value):
            member = value[start:end].strip(" \t")
            if member:
                members.append(member)
            start = end + 1
        end += 1
    return members


def without_parameters(member):
    """A member, or a media type, without its parameters, in lower case: "text/html" of `Text/HTML; charset=UTF-8`."""
    return member.partition(";")[0].strip(" \t").lower()


def parameter(member, name):
    """The parameter `name` (in lower case) of a member like `form-data; name="a"`, as str; None if it is not there.

    RFC 9110 section 5.6.6, except that a backslash stands for itself unless a quote follows: old browsers send paths.
    """
    at = member.find(";")
    while at >= 0:
        end = member.find("=", at)
        if end < 0:
            return None
        found = member[at:end].rpartition(";")[2].strip(" \t").lower()
        at = end + 1
        value = ""
        if member[at : at + 1] == '"':
            is_open = 1
            while is_open:
                at += 1
                end = member.find('"', at)
                if end < 0:
                    return None
                piece = member[at:end]
                is_open = len(piece) - len(piece.rstrip("\\")) & 1
                value += piece[:-1] + '"' if is_open else piece
                at = end
            end = member.find(";", at)
        else:
            end = member.find(";", at)
            value = member[at : end if end >= 0 else len(member)].strip(" \t")
        if found == name:
            return value
        at = end
    return None


def vary(headers, name):
    """Add the field `name` to those that `Vary` in the dict `headers` names: the answer depends on it (RFC 9110 section 12.5.5)."""
    key = spelled(headers, "Vary")
    names = split_list(headers.get(key, ""))
    if "*" not in names and name.lower() not in [known.lower() for known in names]:
        names.append(name)
    headers[key] = ", ".join(names)
