# The short name of mungo.app.cookies.
from .app.cookies import Signed, set_cookie  # noqa: F401
