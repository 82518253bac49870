"""OSCQuery: the address space over HTTP and websocket, and the page."""

from mula_bridge.servers.oscquery.server import OscQueryServer

__all__ = ["OscQueryServer"]
