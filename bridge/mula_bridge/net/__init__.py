"""Sockets, event loops, and who may talk to us."""
