"""The control vocabulary of mulabridge: knobs, messages, OSC, MIDI and mappings.

Imports neither torch nor ``mula_daemon``; everything here can run in a client.
"""

__version__ = "0.1.0"
