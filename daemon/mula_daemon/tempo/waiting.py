"""Commands that wait for the beat. Pure; one thread at a time."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from mula_bridge.control.messages import Command, Origin, Quantised, SetKnob
from mula_bridge.errors import Busy
from mula_daemon.tempo.timeline import Timeline

LIMIT: Final = 256
"""So many may wait at once."""

JUMP: Final = 0.25
"""Beats. A clock that goes on elsewhere has jumped; by less, it was only put right."""


class _Item(Struct):
    beat: float
    quantum: int
    command: Command
    origin: Origin


class Waiting:
    """Each command waits for the first moment at which the beat is a multiple of its quantum.

    The last move of a knob that waits for a beat replaces the one before; anything else is
    kept, in the order in which it came. Moments are ``perf_counter_ns``; all of them come
    ``ahead_ns`` early, which lets what takes time to be heard be heard on the beat.
    """

    def __init__(self) -> None:
        self._items: list[_Item] = []

    def add(
        self, asked: Quantised, origin: Origin, line: Timeline, now_ns: int, ahead_ns: int = 0
    ) -> None:
        """Let a command wait. Raises Busy when too many do."""
        beat = _boundary(line, asked.beats, now_ns + ahead_ns)
        new = _Item(beat, asked.beats, asked.command, origin)
        if isinstance(new.command, SetKnob):
            name = new.command.name
            self._items = [one for one in self._items if not _moves(one, name, beat)]
        if len(self._items) >= LIMIT:
            raise Busy(f"{LIMIT} messages wait for the beat; this one was dropped")
        self._items.append(new)

    def clear(self) -> None:
        """Forget them all."""
        self._items.clear()

    def retime(self, line: Timeline, now_ns: int) -> None:
        """The timeline has jumped, as at a start: each waits for its next boundary there."""
        for item in self._items:
            item.beat = _boundary(line, item.quantum, now_ns)

    def due(self, line: Timeline, now_ns: int, ahead_ns: int = 0) -> list[tuple[Command, Origin]]:
        """Those whose moment has come; they are taken out."""
        ready = [one for one in self._items if line.ns_at(one.beat) - ahead_ns <= now_ns]
        if ready:
            self._items = [one for one in self._items if one not in ready]
        ready.sort(key=lambda one: one.beat)
        return [(one.command, one.origin) for one in ready]

    def next_ns(self, line: Timeline, ahead_ns: int = 0) -> int | None:
        """When ``due`` will have something; None: nothing waits."""
        beats = [one.beat for one in self._items]
        return line.ns_at(min(beats)) - ahead_ns if beats else None


def _boundary(line: Timeline, quantum: int, after_ns: int) -> float:
    """The beat of the first boundary, exactly."""
    if quantum <= 0:
        return line.beat_at(after_ns)
    return float(round(line.beat_at(line.next(quantum, after_ns)) / quantum) * quantum)


def _moves(item: _Item, knob: str, beat: float) -> bool:
    return isinstance(item.command, SetKnob) and item.command.name == knob and item.beat == beat
