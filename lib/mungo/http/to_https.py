# From the port of http to that of https:
#
#     mgr.http_listen("http://0.0.0.0:80", to_https, 443)

_EV_HTTP_MSG = const(11)


def to_https(c, ev, hm, port=443):
    """A handler of `mgr.http_listen`: redirects each request (308) to the same host and path over https, at this port, the `fn_data`."""
    if ev != _EV_HTTP_MSG:
        return
    host = hm.header("host", "")
    if ":" in host.split("]")[-1]:
        host = host.rpartition(":")[0]
    if not host or hm.target[:1] != "/":
        c.http_reply(400, {}, "This server wants https.\n")
        return
    if port and port != 443:
        host += ":%d" % port
    c.http_reply(308, {"Location": "https://%s%s" % (host, hm.target)})
