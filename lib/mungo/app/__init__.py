# The App and what its handlers use, under the names that programs import: `from mungo.app import App, abort`.
from .app import App  # noqa: F401
from .request import Request  # noqa: F401
from .response import HttpError, Response, abort, redirect  # noqa: F401
