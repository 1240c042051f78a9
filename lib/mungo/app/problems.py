# Errors as problem details for programs (RFC 9457), in place of a line of text.
from ..http.field_names import spelled
from ..http.json_writer import dumps
from ..http.response import reason
from .response import Response


class Problems:
    """Makes each error of `app` that has no text of its own and no other error handler a JSON object of the type application/problem+json:
    `status`, `title` (the status in words), and the `errors` of `checks.check`. `detail` is the text of an `abort` that has one.

    It adds an after hook to `app`.
    """

    def __init__(self, app):
        app.after_request(self.change)

    def change(self, req, response):
        """The after hook."""
        body = response.body
        if response.status < 400 or not isinstance(body, (str, dict)) or spelled(response.headers, "Content-Type") in response.headers:
            return
        title = reason(response.status).decode() or "Error"
        problem = {"status": response.status, "title": title}
        er = req.result
        if hasattr(er, "errors"):
            problem["errors"] = er.errors
        elif isinstance(body, str) and body.rstrip("\n") not in ("", title):
            problem["detail"] = body.rstrip("\n")
        changed = Response(dumps(problem), response.status, response.headers)
        changed.headers["Content-Type"] = "application/problem+json"
        changed.cookies = response.cookies
        return changed
