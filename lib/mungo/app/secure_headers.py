# Fields that tell browsers to be careful with a page.

_FIELDS = (
    ("X-Content-Type-Options", "nosniff"),  # a file is what its type says
    ("X-Frame-Options", "DENY"),  # no other page shows it in a frame, and takes the clicks
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)


class SecureHeaders:
    """Adds to each answer of `app` the fields X-Content-Type-Options, X-Frame-Options, Referrer-Policy and Cross-Origin-Opener-Policy, and
    Content-Security-Policy with the value `csp`; with `hsts` (seconds) also Strict-Transport-Security, which browsers heed over TLS alone.

    A field that the answer has already stays as it is. `fields` is a dict of others, or of other values for these; None leaves one out.
    """

    def __init__(self, app, csp="default-src 'self'", hsts=None, fields=None):
        self.fields = dict(_FIELDS)
        self.fields["Content-Security-Policy"] = csp
        if hsts is not None:
            self.fields["Strict-Transport-Security"] = "max-age=%d" % hsts
        self.fields.update(fields or {})
        app.after_request(self.add)

    def add(self, req, response):
        """The after hook."""
        known = [name.lower() for name in response.headers]
        for name in self.fields:
            if self.fields[name] is not None and name.lower() not in known:
                response.headers[name] = self.fields[name]
