"""What one MIDI input port says, as Events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from mula_bridge.midi.decoding import Event, parse
from mula_bridge.midi.pairs import Order, Pairs
from mula_bridge.midi.parameters import Parameters


class Decoder:
    """Bytes of one port to events, with the state that 14-bit pairs and (N)RPN need.

    ``pairs`` names the 14-bit controllers as (channel 1..16, controller 0..31).
    One per port; not thread-safe. No byte sequence makes it raise.
    """

    def __init__(self, pairs: Mapping[tuple[int, int], Order] = MappingProxyType({})) -> None:
        self._pairs = Pairs(pairs)
        self._parameters = Parameters()

    def decode(self, data: Sequence[int]) -> tuple[Event, ...]:
        """The events of one complete message: none for garbage.

        A control change comes as itself and, where it completes one, also as the
        CC14, NRPN or RPN event; whoever routes picks what is mapped.
        """
        event = parse(data)
        if event is None:
            return ()
        joined = self._pairs.join(event), self._parameters.join(event)
        return (event, *(more for more in joined if more))
