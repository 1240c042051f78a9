# The short name of mungo.app.cors.
from .app.cors import Cors  # noqa: F401
