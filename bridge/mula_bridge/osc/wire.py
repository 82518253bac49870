"""Strict OSC 1.0 packets: bytes to messages, and a message to bytes. Pure.

Ours because the usual decoder trusts the sender: a negative element size makes
it loop for ever, missing data becomes 0.0, NaN passes. Here every length is
checked against what is there, and whatever is wrong is one OscError: unknown
types and arrays, NaN and infinity, text that is not UTF-8, padding that is not
zero, short or left-over data, bundles nested deeper than eight. A message
without type tags has no arguments, as old senders mean it.

One message that is wrong takes no other with it (OSC 1.0: it is to be discarded). Only a
wrong length ends its bundle, as nobody knows where the next message would begin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isfinite
from struct import Struct, error
from typing import Final, NamedTuple

from mula_bridge.osc.values import (
    IMPULSE,
    INT,
    TIME,
    TYPES,
    OscError,
    Value,
    read_number,
    read_text,
    tag_of,
    write_text,
)

__all__ = ["IMMEDIATELY", "IMPULSE", "Message", "OscError", "Value", "decode", "encode"]

MAX_PACKET: Final = 65_507
"""Bytes of the largest UDP datagram."""
MAX_DEPTH: Final = 8
IMMEDIATELY: Final = 1
"""The time tag that means now."""


class Message(NamedTuple):
    """One message; ``tags`` are its type tags without the comma, ``time`` the NTP time tag."""

    address: str
    args: tuple[Value, ...] = ()
    tags: str = ""
    time: int = IMMEDIATELY


Refuse = Callable[[OscError], None]
"""Hears what is wrong with a message, or with the rest of a bundle; may raise it."""

_new: Final = tuple.__new__


def _strictly(error: OscError) -> None:
    raise error


def decode(packet: bytes, refuse: Refuse = _strictly) -> list[Message]:
    """The messages of a packet, bundles taken apart in order.

    What is wrong goes to ``refuse``, and the rest is decoded; left out, the first OscError is
    raised. Raises nothing else.
    """
    # A fader repeats address and type tags a hundred times a second. Everything up
    # to the first argument is looked up in one piece; what is left are the numbers.
    start = (packet.find(b"\0") + 4) & -4
    end = (packet.find(b"\0", start) + 4) & -4
    layout = _layouts.get(packet[:end])
    if layout is not None and len(packet) == end + layout.size:
        values = layout.unpack(packet, end)
        if all(map(isfinite, values)):
            # As Message(...) does, without a Python call in between.
            return [_new(Message, (layout.address, values, layout.tags, IMMEDIATELY))]
    messages: list[Message] = []
    _element(packet, messages, IMMEDIATELY, MAX_DEPTH, refuse)
    return messages


def encode(address: str, args: Sequence[Value] = (), tags: str | None = None) -> bytes:
    """A packet of one message. Raises OscError when the arguments cannot be sent.

    Without ``tags``, floats go out as ``f``, ints as ``i`` (``h`` beyond 32 bits) and
    bools as ``T F``; with the tags of a decoded message, arguments go back as they came.
    """
    if tags is None:
        tags = "".join([tag_of(value) for value in args])
    if not address.startswith("/"):
        raise OscError(
            f"an address begins with a slash, as in /mula/knob/cfg; {address[:80]!r} does not"
        )
    try:
        data = [TYPES[tag].write(value) for tag, value in zip(tags, args, strict=True)]
        packet = b"".join((_head(address, tags), *data))
    except (error, TypeError, AttributeError, ValueError, OverflowError, KeyError):
        kinds = ", ".join([type(value).__name__ for value in args[:8]])
        raise OscError(f"{address[:80]} cannot carry ({kinds}) as {tags[:40]!r}") from None
    if len(packet) > MAX_PACKET:
        raise OscError(f"{address[:80]} would be {len(packet)} bytes; {MAX_PACKET} fit")
    return packet


class _Layout(NamedTuple):
    """What follows one known head: how many bytes, and how they become numbers."""

    address: str
    tags: str
    size: int
    unpack: Callable[[bytes, int], tuple[float, ...]]


_LAYOUTS: Final = 1024
_LAYOUT_HEAD: Final = 128  # bytes; longer heads are rare and not worth the memory
_layouts: dict[bytes, _Layout] = {}
_numeric = frozenset("ifhd")


def _remember(head: bytes, address: str, tags: str) -> None:
    if len(head) > _LAYOUT_HEAD or not _numeric.issuperset(tags):
        return
    if len(_layouts) >= _LAYOUTS:
        _layouts.clear()  # somebody sends ever new addresses; start over rather than grow
    struct = Struct(">" + tags.replace("h", "q"))
    _layouts[head] = _Layout(address, tags, struct.size, struct.unpack_from)


def _element(data: bytes, messages: list[Message], time: int, depth: int, refuse: Refuse) -> None:
    try:
        if not data.startswith(b"#bundle\0"):
            messages.append(_message(data, time))
        elif depth == 0:
            raise OscError(f"bundles are nested deeper than {MAX_DEPTH}")
        else:
            time, at = read_number(TIME, data, 8)
            while at < len(data):
                size, at = read_number(INT, data, at)
                if not 0 < size <= len(data) - at or size % 4:
                    raise OscError(f"a bundle element of {size} bytes, with {len(data) - at} left")
                _element(data[at : at + size], messages, time, depth - 1, refuse)
                at += size
    except OscError as error:
        refuse(error)


def _message(data: bytes, time: int) -> Message:
    if not data.startswith(b"/"):
        raise OscError(f"an address starts with a slash, not with {data[:4]!r}")
    try:
        if len(data) % 4:
            raise OscError(f"{len(data)} bytes are no multiple of four")
        address, at = read_text(data, 0)
        return _arguments(data, address, at, time)
    except OscError as error:
        # Named also where the name is no text, so that its sender finds it.
        name = data.split(b"\0", 1)[0].decode(errors="backslashreplace")
        raise OscError(f"{name[:80]}: {error}", name) from None


def _arguments(data: bytes, address: str, at: int, time: int) -> Message:
    if at == len(data):
        return Message(address, (), "", time)
    if data[at] != ord(","):
        raise OscError(f"no type tags, but {len(data) - at} bytes of data")
    tags, at = read_text(data, at)
    tags, head = tags[1:], at
    args: list[Value] = []
    for tag in tags:
        if tag not in TYPES:
            raise OscError(f"the type {tag!r} is not supported")
        value, at = TYPES[tag].read(data, at)
        args.append(value)
    if at != len(data):
        raise OscError(f"{len(data) - at} bytes too many for {tags[:40]!r}")
    _remember(data[:head], address, tags)
    return Message(address, tuple(args), tags, time)


@lru_cache(512)
def _head(address: str, tags: str) -> bytes:
    return write_text(address) + write_text("," + tags)
