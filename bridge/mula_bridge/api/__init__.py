"""Our own OSC addresses: their table, readers, writers, and the conversation about them."""

from mula_bridge.api import addresses
from mula_bridge.api.addresses import DEFAULT_HOST, DEFAULT_PORT, VERSION, Row, concrete
from mula_bridge.api.client import OscClient, parse_argument
from mula_bridge.api.conversation import Conversation
from mula_bridge.api.dispatch import Dispatch
from mula_bridge.api.readers import Request
from mula_bridge.api.routing import Content

__all__ = [
    "DEFAULT_HOST", "DEFAULT_PORT", "VERSION", "Content", "Conversation", "Dispatch", "OscClient",
    "Request", "Row", "addresses", "concrete", "parse_argument",
]  # fmt: skip
