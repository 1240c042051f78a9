# For editors and type checkers: the names that __init__.py finds when they are first used. Boards do not get this file.
from . import aio as aio
from . import auth as auth
from . import cookies as cookies
from . import cors as cors
from . import fetch as fetch
from . import http as http
from . import mqtt as mqtt
from . import sse as sse
from . import ws as ws
from .app import App as App
from .manager import Manager as Manager
from .port.flash import flash as flash
from .tls import Tls as Tls

__version__: str
_manager: object  # the firmware has a Manager of its own

EV_ERROR: int
EV_OPEN: int
EV_POLL: int
EV_RESOLVE: int
EV_CONNECT: int
EV_ACCEPT: int
EV_TLS_HS: int
EV_READ: int
EV_WRITE: int
EV_CLOSE: int
EV_HTTP_HDRS: int
EV_HTTP_MSG: int
EV_WS_OPEN: int
EV_WS_MSG: int
EV_WS_CTL: int
EV_MQTT_CMD: int
EV_MQTT_MSG: int
EV_MQTT_OPEN: int
EV_SNTP_TIME: int
EV_WAKEUP: int
EV_USER: int
