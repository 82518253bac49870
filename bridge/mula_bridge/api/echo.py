"""Nothing fights the hand on a control: what may go back to whoever just moved it. Pure.

A motor fader that is sent its own, slightly older value jerks. So a message on an
address that a listener moved less than 250 ms ago waits until the hand has been
still for that long; of several the last one counts, and it is dropped when it only
says what the listener itself had set. Nothing is lost: a clamped value, or another
hand on the same knob, arrives a quarter of a second later. One thread; time is
``time.monotonic`` seconds, given by the caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose
from typing import Final

from mula_bridge.control import quantum_text
from mula_bridge.control.messages import (
    AuditionAdvance,
    AuditionCompare,
    AuditionFollow,
    AuditionGain,
    AuditionLoop,
    AuditionPlay,
    AuditionQuantise,
    AuditionStep,
    AuditionStop,
    Cancel,
    ChooseClock,
    Command,
    Favourite,
    Generate,
    Judge,
    Live,
    MakeMore,
    NudgeKnob,
    Quantised,
    Render,
    Reroll,
    ResetKnob,
    SavePreset,
    SetKnob,
    SetLyrics,
    SetTags,
    ToggleTag,
    UndoJudgement,
)
from mula_bridge.net import Peer
from mula_bridge.osc import Args, Value

HOLD_S: Final = 0.25
_MAX_MOVES: Final = 1024

_ELSEWHERE: Final = (
    NudgeKnob, ResetKnob, SavePreset, Generate, Render, Cancel, Quantised, AuditionPlay,
    AuditionStop, AuditionStep, AuditionCompare, Judge, Favourite, UndoJudgement, Reroll, MakeMore,
)  # fmt: skip
"""Changes that are confirmed on another address than they are asked for on."""

_Move = tuple[Args | None, int, float]
"""The last change somebody made on an address: the arguments that would confirm it (None:
echo it in any case), ``received_ns``, and when."""


class EchoHold:
    """The last moves of every peer, and what waits for their hands to be still."""

    def __init__(self, hold: float = HOLD_S) -> None:
        self._hold = hold
        self._moves: dict[tuple[Peer, str], _Move] = {}
        self._waiting: dict[tuple[Peer, str], Args] = {}
        self._still_at = 0.0

    def moved(
        self, peer: Peer, address: str, args: Args | None, received_ns: int, now: float
    ) -> None:
        """``peer`` changes what is behind ``address``; ``args`` would confirm it."""
        key = (peer, address)
        self._moves.pop(key, None)  # so that the dict stays in the order of time
        if len(self._moves) >= _MAX_MOVES:
            del self._moves[next(iter(self._moves))]
        self._moves[key] = (args, received_ns, now)
        self._still_at = now + self._hold

    def answers_move(self, peer: Peer, address: str, received_ns: int) -> bool:
        """Whether a message received at ``received_ns`` was a change (else: a question)."""
        move = self._moves.get((peer, address))
        return move is not None and received_ns <= move[1]

    def offer(self, peer: Peer, address: str, args: Args, now: float) -> bool:
        """True: send it now. False: it waits, and ``due`` brings it if it is news."""
        key = (peer, address)
        move = self._moves.get(key)
        if move is None or now >= move[2] + self._hold:
            self._waiting.pop(key, None)
            return True
        self._waiting[key] = args
        return False

    def due(self, now: float) -> Iterator[tuple[Peer, str, Args]]:
        """What has waited long enough, and says something its listener did not."""
        for key, args in list(self._waiting.items()):
            move = self._moves.get(key)
            if move is not None and now < move[2] + self._hold:
                continue
            del self._waiting[key]
            if move is None or move[0] is None or not same(move[0], args):
                yield *key, args

    def still_at(self) -> float:
        """When every hand will be still, so that ``due`` has everything."""
        return self._still_at


def confirmation(command: Command) -> Args | None:
    """The arguments that would confirm a change just as it was asked for; what really comes
    back may differ, because a knob is clamped.

    Empty for what is confirmed on another address; None for a question.
    """
    match command:
        case SetKnob(_, value):
            return (value,)
        case SetTags(tuple() as tags):
            return tags or ("",)
        case ToggleTag(_, on):
            return (int(on),)
        case SetLyrics(str() as text):
            return (text,)
        case Live(bool() as on):
            return (int(on),)
        case ChooseClock(str() as source):
            return (source,)
        case AuditionLoop(bool() as on) | AuditionFollow(bool() as on):
            return (int(on),)
        case AuditionAdvance(bool() as on):
            return (int(on),)
        case AuditionQuantise(int() as beats):
            return (quantum_text(beats),)
        case AuditionGain(float() | int() as decibels):
            return (float(decibels),)
    return () if isinstance(command, _ELSEWHERE) else None


def same(sent: Args, effective: Args) -> bool:
    """Whether two messages say the same, to the precision of a 32-bit float."""
    return len(sent) == len(effective) and all(map(_same, sent, effective))


def _same(sent: Value, effective: Value) -> bool:
    if isinstance(sent, int | float) and isinstance(effective, int | float):
        return isclose(sent, effective, rel_tol=1e-6, abs_tol=1e-6)
    return sent == effective
