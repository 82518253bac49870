"""Packets that our encoder does not make: bundles, and messages that are wrong."""

from __future__ import annotations

import struct

from mula_bridge.osc.wire import IMMEDIATELY, encode


def bundle(*elements: bytes, time: int = IMMEDIATELY) -> bytes:
    sized = (struct.pack(">i", len(element)) + element for element in elements)
    return b"#bundle\0" + struct.pack(">Q", time) + b"".join(sized)


NAN = b"/mula/knob/cfg\0\0,f\0\0\x7f\xc0\0\0"
BAD = {
    "nan": NAN,
    "infinity": NAN.replace(b"\x7f\xc0", b"\xff\x80"),
    "array": b"/mula/knob/cfg\0\0,[ii]\0\0\0" + bytes(8),
    "unknown type": b"/mula/knob/cfg\0\0,q\0\0" + bytes(4),
    "latin-1": b"/mula/knob/cfg\0\0,s\0\0caf\xe9\0\0\0\0",
    "surrogate": b"/mula/knob/cfg\0\0,s\0\0\xed\xa0\xbd\0",
    "short": b"/mula/knob/cfg\0\0,ff\0" + bytes(4),
    "long": b"/mula/knob/cfg\0\0,f\0\0" + bytes(8),
    "no comma": b"/mula/knob/cfg\0\0f\0\0\0" + bytes(4),
    "tags without end": b"/mula/knob/cfg\0\0,fff",
    "a blob beyond the end": b"/mula/knob/cfg\0\0,b\0\0\0\0\0\x63",
    "padding": b"/mula/knob/cfg\0x,f\0\0" + bytes(4),
}
"""Messages to /mula/knob/cfg that are wrong, each in its own way."""


def around(bad: bytes) -> bytes:
    """A bundle of a bad message and two good ones that turn cfg and top_k."""
    return bundle(encode("/mula/knob/cfg", (3.0,)), bad, encode("/mula/knob/top_k", (20,)))
