# The short name of mungo.app.auth.
from .app.auth import Auth, Basic, Bearer  # noqa: F401
