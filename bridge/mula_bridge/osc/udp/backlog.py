"""Datagrams that were read and not handled yet. Pure; one thread.

Under a flood the last value of a knob is the one that counts. A datagram that sets a knob
takes the place of the one before it from the same sender, which nobody will ever handle;
but never across any other datagram, so that a trigger finds the knobs as they were when
it was sent. Everything else is kept as it came, as long as there is room.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from mula_bridge.osc.udp.reading import Datagram

MAX_WAITING: Final = 8 << 20
"""Bytes of datagrams that wait; what comes when there are more is dropped."""

_OVERHEAD: Final = 64  # bytes counted on top of each, so that empty ones are bounded too
Heads = Mapping[bytes, int]
"""How datagrams begin that do nothing but set a knob to a number, and how long they are."""

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
        first = []
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
            elif urgent is not None and data.startswith(urgent):
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
        """The ``most`` oldest, or all; they are taken out."""
        waiting = self._waiting
        taken = [waiting.popitem(last=False)[1] for _ in range(min(most, len(waiting)))]
        self._room += sum(len(data) for data, _, _ in taken) + len(taken) * _OVERHEAD
        return taken
