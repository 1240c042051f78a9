# Where the page that has sent a request comes from (RFC 6454).


def is_own(origin, host, is_tls):
    """Whether `origin` is that of this server's own pages. `host`: the value of Host. Both are in lower case.

    Over TLS, a page that came without it is another site's: everybody on its way could have written it. Without TLS, a gateway may have
    made http of https. Browsers leave a scheme's own port out; other clients may not.
    """
    scheme, _, name = origin.partition("://")
    port = {"http": ":80", "https": ":443"}.get(scheme, "-")
    return bool(name) and (scheme == "https" or not is_tls) and (name in (host, host + port) or name + port == host)
