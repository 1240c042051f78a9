# Long lists page by page.
from .response import Response, abort


def page(req, rows, size=20, most=100):
    """A Response with one page of `rows`, anything with a length and slices: {"items": [..], "total": n, "offset": n, "limit": n}, and a
    field Link (RFC 8288) with the next and the previous page.

    The client chooses by the query's `offset` and `limit`, which is `size` if it does not say, and at most `most`; 400 for anything that is
    no whole number.
    """
    offset = number(req, "offset", 0)
    limit = min(number(req, "limit", size), most) or 1
    total = len(rows)
    links = []
    if offset + limit < total:
        links.append(link(req, offset + limit, limit, "next"))
    if offset:
        links.append(link(req, max(offset - limit, 0), limit, "prev"))
    body = {"items": list(rows[offset : offset + limit]), "total": total, "offset": offset, "limit": limit}
    return Response(body, 200, {"Link": ", ".join(links)} if links else None)


def number(req, name, default):
    """A whole number of the query, `default` if it is not there."""
    text = req.args.get(name)
    if text is None:
        return default
    if not text or len(text) > 9 or text.strip("0123456789"):
        abort(400, "%s: want a whole number\n" % name)
    return int(text)


def link(req, offset, limit, rel):
    """A link to another page of this list, with the rest of its query."""
    kept = [part for part in req.url.partition("?")[2].split("&") if part and part.partition("=")[0] not in ("offset", "limit")]
    query = "&".join(kept + ["offset=%d" % offset, "limit=%d" % limit])
    url = "%s?%s" % (req.url.partition("?")[0], query)
    return '<%s>; rel="%s"' % (url.replace("<", "%3C").replace(">", "%3E"), rel)
