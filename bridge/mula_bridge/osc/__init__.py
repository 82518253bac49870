"""The OSC wire: bytes to messages and back. Pure, but for udp."""
