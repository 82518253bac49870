"""NRPN and RPN: a parameter is selected by two control changes, then set by one or two."""

from __future__ import annotations

from dataclasses import dataclass

from mula_bridge.midi.decoding import Event, EventKind

_DATA_COARSE, _DATA_FINE = 6, 38
_SELECT = {
    99: (EventKind.NRPN, True),
    98: (EventKind.NRPN, False),
    101: (EventKind.RPN, True),
    100: (EventKind.RPN, False),
}
_NULL = (127, 127)


@dataclass(slots=True)
class _Channel:
    kind: EventKind = EventKind.NRPN
    coarse: int | None = None  # halves of the parameter number
    fine: int | None = None
    data_coarse: int | None = None
    data_fine: int | None = None
    fine_first: bool = False


class Parameters:
    """Follows the selected parameter of each channel of one port. Not thread-safe."""

    def __init__(self) -> None:
        self._channels: dict[int, _Channel] = {}

    def join(self, event: Event) -> Event | None:
        """The NRPN or RPN event (value 0..16383) that a CC event completes, if any.

        Data entry may come coarse first (which then counts at once) or fine first:
        the first half after a selection tells.
        """
        if event.kind is not EventKind.CC:
            return None
        if event.number in _SELECT:
            self._select(event)
            return None
        state = self._channels.get(event.channel)
        if state is None or state.coarse is None or state.fine is None:
            return None
        if (state.coarse, state.fine) == _NULL:
            return None
        if event.number == _DATA_COARSE:
            state.data_coarse = event.value
            fine = (state.data_fine or 0) if state.fine_first else 0
        elif event.number == _DATA_FINE:
            if state.data_coarse is None:
                state.fine_first = True
            state.data_fine = fine = event.value
            if state.fine_first:
                return None
        else:
            return None
        number = state.coarse << 7 | state.fine
        return Event(state.kind, event.channel, number, (state.data_coarse or 0) << 7 | fine)

    def _select(self, event: Event) -> None:
        kind, is_coarse = _SELECT[event.number]
        old = self._channels.get(event.channel, _Channel())
        coarse, fine = (old.coarse, old.fine) if old.kind is kind else (None, None)
        if is_coarse:
            coarse = event.value
        else:
            fine = event.value
        self._channels[event.channel] = _Channel(kind, coarse, fine)
