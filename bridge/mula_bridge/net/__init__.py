"""Sockets, event loops, processes of our own, and who may talk to us."""

from mula_bridge.net.advertise import Advertiser
from mula_bridge.net.children import MOST_STUCK, Children, Connection
from mula_bridge.net.guests import LOOPBACK, Guests, Peer
from mula_bridge.net.loop import Act, LoopThread
from mula_bridge.net.priority import behind_others, hurry, relax
from mula_bridge.net.process_name import call_process
from mula_bridge.net.rate_limit import RateLimit
from mula_bridge.net.udp import RECEIVE_BUFFER, is_loopback, open_udp, receive_buffer, resolve

__all__ = [
    "LOOPBACK", "MOST_STUCK", "RECEIVE_BUFFER", "Act", "Advertiser", "Children", "Connection",
    "Guests", "LoopThread", "Peer", "RateLimit", "behind_others", "call_process", "hurry",
    "is_loopback", "open_udp", "receive_buffer", "relax", "resolve",
]  # fmt: skip
