"""OSCQuery: the address space over HTTP and websocket, and the page."""
