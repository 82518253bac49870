"""14-bit control changes: two 7-bit halves, controller N (coarse) and N + 32 (fine)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from mula_bridge.midi.decoding import Event, EventKind


class Order(StrEnum):
    """Which half of a 14-bit pair a controller sends first."""

    MSB_FIRST = "msb_first"
    LSB_FIRST = "lsb_first"


class Pairs:
    """Puts the halves of one port's 14-bit controllers together.

    ``orders`` says which (channel 1..16, controller 0..31) are pairs, and how they
    are sent. Not thread-safe.
    """

    def __init__(self, orders: Mapping[tuple[int, int], Order]) -> None:
        self._orders = orders
        self._coarse: dict[tuple[int, int], int] = {}
        self._fine: dict[tuple[int, int], int] = {}

    def join(self, event: Event) -> Event | None:
        """The CC14 event that a CC event makes known, if it belongs to a pair.

        Coarse first: a coarse half counts at once, as the standard has it, and the
        fine half refines it. Fine first: the coarse half completes the value.
        """
        if event.kind is not EventKind.CC or event.number > 63:
            return None
        key = (event.channel, event.number % 32)
        order = self._orders.get(key)
        if order is None:
            return None
        if event.number < 32:
            self._coarse[key] = event.value
            fine = self._fine.get(key, 0) if order is Order.LSB_FIRST else 0
            return self._joined(key, fine)
        self._fine[key] = event.value
        if order is Order.LSB_FIRST or key not in self._coarse:
            return None
        return self._joined(key, event.value)

    def _joined(self, key: tuple[int, int], fine: int) -> Event:
        channel, number = key
        return Event(EventKind.CC14, channel, number, self._coarse[key] << 7 | fine)
