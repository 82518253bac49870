"""Datagrams that were read and not handled yet. Pure; one thread.

Under a flood the last value of a knob is the one that counts. A datagram that sets a knob
takes the place of the one before it from the same sender, which nobody will ever handle;
but never across any other datagram, so that a trigger finds the knobs as they were when
it was sent. Everything else is kept as it came, as long as there is room.

What takes long is not handled in one go, or a ping would wait for it: a large bundle is given
out in pieces, which are bundles too, with the same time tag.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from mula_bridge.osc.udp.reading import Datagram
from mula_bridge.osc.wire import MAX_DEPTH

MAX_WAITING: Final = 8 << 20
"""Bytes of datagrams that wait; what comes when there are more is dropped."""
PIECE: Final = 1024
"""Bytes that are given out at once, some forty messages, unless a single message is longer."""
URGENT: Final = 4
"""Urgent datagrams of one sender that overtake what waits, of those that come at once. The others
wait like everything else: who floods with pings must not hold up those of others."""

_OVERHEAD: Final = 64  # bytes counted on top of each, so that empty ones are bounded too
Heads = Mapping[bytes, int]
"""How datagrams begin that do nothing but set a knob to a number, and how long they are."""

_BUNDLE: Final = b"#bundle\0"
_HEADER: Final = 16  # bytes of a bundle's name and time tag
_Key = tuple[bytes, tuple[str, int], int] | int


class Backlog:
    """Takes datagrams in, and gives them out in order."""

    def __init__(
        self,
        room: int = MAX_WAITING,
        *,
        setters: Heads = MappingProxyType({}),
        urgent: bytes | None = None,
    ) -> None:
        """``urgent`` is how those datagrams begin that wait for nobody."""
        self._waiting: OrderedDict[_Key, Datagram] = OrderedDict()
        self._room = room
        self._setters = setters
        self._urgent = urgent
        self._others = 0  # datagrams so far that set no knob
        self.replaced = 0
        """Datagrams whose knob had a newer value before they were handled."""
        self.dropped = 0
        """Datagrams for which there was no room."""

    def __len__(self) -> int:
        return len(self._waiting)

    def extend(self, datagrams: Iterable[Datagram]) -> list[Datagram]:
        """Take them in, oldest first. Returns the urgent ones among them instead."""
        waiting, setters, urgent = self._waiting, self._setters, self._urgent
        first: list[Datagram] = []
        hurried: Counter[tuple[str, int]] = Counter()
        for datagram in datagrams:
            data, sender, _ = datagram
            head = data[: (data.find(b"\0") + 8) & -4]  # the address and one type tag
            key: _Key
            if setters.get(head) == len(data):
                key = (head, sender, self._others)
                if key in waiting:
                    waiting[key] = datagram
                    waiting.move_to_end(key)  # it came after what other knobs got
                    self.replaced += 1
                    continue
            elif urgent is not None and data.startswith(urgent) and hurried[sender] < URGENT:
                hurried[sender] += 1
                first.append(datagram)
                continue
            else:
                self._others += 1
                key = self._others
            if self._room < len(data) + _OVERHEAD:
                self.dropped += 1
                continue
            self._room -= len(data) + _OVERHEAD
            waiting[key] = datagram
        return first

    def take(self, most: int) -> list[Datagram]:
        """The ``most`` oldest, or all, but no more than a ``PIECE``; they are taken out."""
        waiting, size = self._waiting, 0
        taken: list[Datagram] = []
        while waiting and len(taken) < most and size < PIECE:
            key, (data, sender, at) = waiting.popitem(last=False)
            self._room += len(data) + _OVERHEAD
            if len(data) > PIECE and data.startswith(_BUNDLE):
                data, rest = _cut(data)
                if rest:
                    waiting[key] = rest, sender, at
                    waiting.move_to_end(key, last=False)
                    self._room -= len(rest) + _OVERHEAD
            taken.append((data, sender, at))
            size += len(data)
        return taken


def _cut(bundle: bytes, depth: int = MAX_DEPTH) -> tuple[bytes, bytes]:
    """The first piece of a large bundle, and a bundle of the rest; empty: there is none.

    A bundle in the bundle is cut as well; what is around it stays around both of its parts.
    """
    at = _HEADER
    while at < PIECE and len(bundle) - at >= 4:
        size = int.from_bytes(bundle[at : at + 4], "big")
        if not 0 < size <= len(bundle) - at - 4:
            return bundle, b""  # whoever reads it will say what is wrong
        inner = bundle[at + 4 : at + 4 + size]
        if size > PIECE and at == _HEADER and depth and inner.startswith(_BUNDLE):
            first, rest = _cut(inner, depth - 1)
            if rest:
                rest = len(rest).to_bytes(4, "big") + rest
            first = len(first).to_bytes(4, "big") + first
            after = rest + bundle[at + 4 + size :]
            return bundle[:at] + first, bundle[:_HEADER] + after if after else b""
        if size > PIECE and at > _HEADER:
            break
        at += 4 + size
    return bundle[:at], bundle[:_HEADER] + bundle[at:] if at < len(bundle) else b""
