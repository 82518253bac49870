"""Our own OSC addresses: their table, readers, writers, and the conversation about them."""

from mula_bridge.api import addresses
from mula_bridge.api.addresses import DEFAULT_HOST, DEFAULT_PORT, VERSION, Row, concrete
from mula_bridge.api.client import OscClient, parse_argument
from mula_bridge.api.dispatch import ERRORS_PER_SECOND, Dispatch
from mula_bridge.api.echo import EchoHold
from mula_bridge.api.readers import Ping, QueryVersion, Request, Subscribe, Unsubscribe
from mula_bridge.api.routing import Content, Delivery, Routing
from mula_bridge.api.tag_lamps import TagLamps

__all__ = [
    "DEFAULT_HOST",
    "DEFAULT_PORT",
    "ERRORS_PER_SECOND",
    "VERSION",
    "Content",
    "Delivery",
    "Dispatch",
    "EchoHold",
    "OscClient",
    "Ping",
    "QueryVersion",
    "Request",
    "Routing",
    "Row",
    "Subscribe",
    "TagLamps",
    "Unsubscribe",
    "addresses",
    "concrete",
    "parse_argument",
]
