"""Compares what was heard with what was played: gaps, repeated and missing blocks. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mula_bridge.errors import MulaError
from mula_daemon.audio import Samples

ROUNDING: Final = 2.0**-29
"""Recorders that write 32-bit integers round; no two different sounds are so near."""
PROBE: Final = 2048
_CHUNK: Final = 1 << 16
_NEAR: Final = 1 << 14
_SHIFT: Final = 1 << 13
_LOUD: Final = 1e-4
_STRETCH: Final = 1 << 14
"""Frames, a third of a second. What begins is looked for so much later, when it was not heard as
it was played, then after twice as long, and so on: a fault, or a minute of them, hides nothing."""
_TRIES: Final = 10
_AGAIN: Final = 512
"""So many frames alike in a row, and a fault is over."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``length`` frames heard in the place of frame ``at`` of what was played are not that.

    ``kind`` is "gap" for silence, "repeat" for frames that were heard before, "missing" for
    ``length`` frames that were left out, with no seam, else "other".
    """

    at: int
    length: int
    kind: str


def place(heard: Samples, played: Samples) -> int:
    """The frame of ``heard`` [n, 2] at which ``played`` [m, 2] begins.

    Found by the first sound in it; if that was not heard as it was played, by a later one.
    Raises MulaError when none is there, sample for sample.
    """
    starts = _sounds(played)
    if not starts:
        raise MulaError("nothing but silence was played")
    for first in starts:
        probe = np.asarray(played[first : first + PROBE])
        for start in range(0, len(heard), _CHUNK):
            at = find(probe, np.asarray(heard[start : start + _CHUNK + PROBE]))
            if at is not None:
                return start + at - first
    loud = sum(np.abs(heard[at : at + _CHUNK]).max() > _LOUD for at in range(0, len(heard), _CHUNK))
    raise MulaError(
        "what was played is not in what was heard: "
        f"of {len(heard) // _CHUNK + 1} blocks of {_CHUNK} frames {loud} had sound in them"
    )


def _sounds(played: Samples) -> list[int]:
    """The first sound of ``played``, and the next one after twice as long, and so on."""
    starts: list[int] = []
    step = _STRETCH
    begin = 0
    while begin < len(played) and len(starts) < _TRIES:
        loud = np.flatnonzero(np.abs(played[begin : begin + _STRETCH, 0]) > _LOUD)
        if len(loud):
            starts.append(begin + int(loud[0]))
            begin, step = begin + step, 2 * step
        else:
            begin += _STRETCH
    return starts


def faults(heard: Samples, played: Samples, offset: int) -> list[Fault]:
    """Where ``heard`` from ``offset`` on differs from ``played``; both may be memory maps."""
    found: list[Fault] = []
    length = min(len(played), len(heard) - offset)
    now = 0
    while now < length:
        size = min(_CHUNK, length - now)
        same = _same(heard, played, offset, now, size)
        if same.all():
            now += size
            continue
        begin = now + int(np.argmin(same))
        at = offset + begin
        left_out = _left_out(heard, played, offset, begin)
        if left_out:
            found.append(Fault(begin, left_out, "missing"))
            now, offset = begin + left_out, offset - left_out
            length = min(len(played), len(heard) - offset)
            continue
        now = _until_alike(heard, played, offset, begin, min(length, begin + _NEAR))
        if now == begin + _NEAR:  # what follows may be heard sooner or later than it was played
            moved = _find_again(heard, played, at, now)
            now, offset = (length, offset) if moved is None else (now, moved)
            length = min(len(played), len(heard) - offset)
        end = offset + now
        bad = np.asarray(heard[at : max(end, at + 1)])
        found.append(Fault(begin, max(0, end - at), _kind(bad, played, begin)))
    return found


def common(one: list[Fault], other: list[Fault]) -> list[Fault]:
    """The faults of ``one`` near which ``other``, who heard the same, has one, too."""
    return [fault for fault in one if any(abs(fault.at - found.at) <= _CHUNK for found in other)]


def _same(heard: Samples, played: Samples, offset: int, at: int, size: int) -> NDArray[np.bool_]:
    one, other = heard[offset + at : offset + at + size], played[at : at + size]
    near = np.abs(np.asarray(one) - np.asarray(other)) <= ROUNDING
    return np.asarray(near[:, 0] & near[:, 1])


def find(probe: Samples, sound: Samples) -> int | None:
    """Where ``probe`` stands in ``sound``, if it does."""
    for start in np.flatnonzero((np.abs(sound - probe[0]) <= ROUNDING).all(axis=1)):
        part = sound[start : start + len(probe)]
        if len(part) == len(probe) and np.abs(part - probe).max() <= ROUNDING:
            return int(start)
    return None


def find_near(heard: Samples, played: Samples, first: int, offset: int) -> int | None:
    """The frame of ``heard`` at which ``played`` from ``first`` on begins, looked for around
    ``first + offset``, where a gap may have moved it; None when it is not there."""
    begin = max(0, offset + first - _SHIFT)
    probe = np.asarray(played[first : first + PROBE])
    near = find(probe, np.asarray(heard[begin : offset + first + _SHIFT + PROBE]))
    return None if near is None else begin + near


def _until_alike(heard: Samples, played: Samples, offset: int, at: int, length: int) -> int:
    run = 0
    while at < length:
        for alike in _same(heard, played, offset, at, min(_CHUNK, length - at)):
            at += 1
            run = run + 1 if alike else 0
            if run == _AGAIN:
                return at - _AGAIN
    return length


def _left_out(heard: Samples, played: Samples, offset: int, begin: int) -> int:
    """How many frames of ``played`` from ``begin`` on were passed over; 0: that is not it."""
    probe = np.asarray(heard[offset + begin : offset + begin + _AGAIN])
    if len(probe) < _AGAIN or not probe.any():
        return 0
    return find(probe, np.asarray(played[begin : begin + _NEAR])) or 0


def _find_again(heard: Samples, played: Samples, at: int, now: int) -> int | None:
    """The offset at which ``played`` from ``now`` on stands in ``heard`` after ``at``."""
    probe = np.asarray(played[now : now + _AGAIN])
    start = find(probe, np.asarray(heard[at : at + 4 * _NEAR]))
    return None if start is None else at + start - now


def _kind(bad: Samples, played: Samples, at: int) -> str:
    if not bad[: _AGAIN // 2].any():
        return "gap"
    again = find(bad[:64], np.asarray(played[max(0, at - _CHUNK) : at]))
    return "other" if again is None else "repeat"
