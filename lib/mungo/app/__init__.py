# The App and what its handlers use, under the names that programs import: `from mungo.app import App, abort`.
from .app import App, HttpError, Request, Response, abort, redirect  # noqa: F401
