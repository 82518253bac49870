"""What kind of control sends such numbers: judged by all of them together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from mula_bridge.control import Encoding, ticks

ENOUGH: Final = 6
"""So many messages of a control with a position make a guess."""
_ENOUGH_TICKS: Final = 5
_ENOUGH_PRESSES: Final = 3
_LEAST_WAY: Final = 4
"""In 128ths. A worn knob trembles by less."""
_LEAST_FINE_WAY: Final = 32
"""In 16384ths."""
_FASTEST: Final = 15
"""Encoders turned by hand count no more ticks than this a message."""
_PRESSED: Final = 64

Shape = dict[str, str | int]
"""What a mapping file says of a control besides its source."""


class Guess(Struct, frozen=True):
    """A kind of control.

    ``way``: how far it was moved, 0..1, so that it can be compared with others. ``sure``: False
    where a worn knob that trembles would send the same.
    """

    shape: Shape
    way: float
    sure: bool = True


def guess_change(values: Sequence[int]) -> Guess | None:
    """What sends these values 0..127 as one control change; None: too little came to tell."""
    different = set(values)
    pressed = max(different) >= _PRESSED
    if different == {0, 127}:
        return Guess({"kind": "button"}, 0.05)
    if different <= {*range(_PRESSED, 128)} - {_PRESSED + 1} and len(different) == 1:
        # It says nothing when it is let go. (65 again and again is an encoder.)
        return Guess({"kind": "button"}, 0.04) if len(values) >= _ENOUGH_PRESSES else None
    if len(values) >= _ENOUGH_TICKS:
        for encoding in _RELATIVE:
            guess = _guess_encoder(encoding, values)
            if guess is not None:
                return guess
    if len(different) == 2 and 0 in different and pressed and _PRESSED + 1 not in different:
        return Guess({"kind": "button"}, 0.05) if len(values) >= 4 else None
    return guess_position(values, 127)


def guess_position(values: Sequence[int], top: int) -> Guess | None:
    """A control that sends where it stands, 0..``top``; None: it was not moved far enough."""
    way = max(values) - min(values)
    least = _LEAST_WAY if top == 127 else _LEAST_FINE_WAY
    return Guess({}, way / top) if len(values) >= ENOUGH and way >= least else None


def find_ends(values: Sequence[int], top: int) -> tuple[int, int]:
    """The ends of the way, as far as they were seen: otherwise 0 and ``top``.

    An end is where a control turned round or stopped, close to the end of what it could send, or
    twice at the same place. Where it stood at first says nothing.
    """
    low, high = min(values), max(values)
    if high - low < top / 2:
        return 0, top
    close, moved = top * 0.08, values[1:]
    upper = [value == high for value in moved]
    lower = [value == low for value in moved]
    if not (any(upper) and top - high <= close) and _visits(upper) < 2:
        high = top
    if not (any(lower) and low <= close) and _visits(lower) < 2:
        low = 0
    return low, high


def join_halves(halves: Sequence[tuple[bool, int]]) -> tuple[list[int], str]:
    """The 14-bit values that two 7-bit halves make, and their order as a mapping file has it.

    ``halves``: whether it is the fine one, and its value, in the order in which they came. Put
    together in the wrong order they jump to and fro. Where fine halves come alone they must count
    at once, as they do where they come second.
    """
    alone = any(one[0] and other[0] for one, other in pairwise(halves))
    first = halves[0][0]
    values, others = _joined(halves, first), _joined(halves, not first)
    if _restlessness(others) < 0.8 * _restlessness(values):  # it began with a second half
        first, values = not first, others
    return values, "lsb_first" if first and not alone else "msb_first"


def _joined(halves: Sequence[tuple[bool, int]], fine_first: bool) -> list[int]:
    known: dict[bool, int] = {}
    values: list[int] = []
    before: bool | None = None  # whether the last half was a fine one that began a value
    for fine, half in halves:
        known[fine] = half
        if len(known) == 2:
            completes = fine is not fine_first and before is fine_first
            if completes and values:
                values.pop()  # what its first half alone made of it
            values.append(known[False] << 7 | known[True])
        before = fine
    return values


def _restlessness(values: Sequence[int]) -> int:
    return sum(abs(a - b) for a, b in pairwise(values))


def _visits(there: Sequence[bool]) -> int:
    """How often it came there, and went away in between."""
    return sum(now and not before for before, now in pairwise((False, *there)))


_RELATIVE: Final = (
    Encoding.BINARY_OFFSET,
    Encoding.TWOS_COMPLEMENT,
    Encoding.SIGN_BIT_DEC,
    Encoding.SIGN_BIT_INC,
)
_UP: Final = range(1, _FASTEST + 1)
_OTHER: Final = range(_PRESSED + 1, _PRESSED + _FASTEST + 1)  # the other sign in sign and magnitude


def _may_be(encoding: Encoding, values: Sequence[int]) -> bool:
    if encoding is Encoding.BINARY_OFFSET:
        return 0 not in values
    if encoding is Encoding.TWOS_COMPLEMENT:
        return True
    # One without a rest and without the other way is the same as one of the two above.
    first = next((value for value in values if value), 0)
    opposite = encoding is Encoding.SIGN_BIT_INC
    signs = {value in _OTHER for value in values if value}
    return (len(signs) == 2 or (opposite and 0 in values)) and (first in _OTHER) is opposite


def _guess_encoder(encoding: Encoding, values: Sequence[int]) -> Guess | None:
    """An encoder that counts so and was first turned to the right, if these can be its ticks.

    A knob sends each position once and then one beside it. An encoder repeats itself, rests in
    between, or turns round without passing what lies between; and its smallest step is 1.
    """
    if not _may_be(encoding, values):
        return None
    counts = [ticks(encoding, value) for value in values]
    moved = [count for count in counts if count]
    sizes = [abs(count) for count in moved]
    if not moved or max(sizes) > _FASTEST or min(sizes) > 1:
        return None
    guess = Guess({"mode": str(encoding)}, min(0.1, len(moved) / 127))
    turns = sum(a * b < 0 for a, b in pairwise(moved))
    leaps = encoding is not Encoding.BINARY_OFFSET and turns >= 2
    if leaps or any(a == b != 0 for a, b in pairwise(counts)):
        return guess
    rests = counts.count(0)
    if rests >= 2 and min(moved) > 0:
        leaps = any(abs(a - b) > 2 and 0 in (a, b) for a, b in pairwise(counts))
        doubtful = max(sizes) <= 2
        if leaps or doubtful:
            return guess if leaps else Guess(guess.shape, 0.005, sure=False)
    rises = all(a < b for a, b in pairwise(values)) or all(a > b for a, b in pairwise(values))
    if max(moved) > 0 and max(sizes) <= 3 and not rises:
        return Guess(guess.shape, 0.005, sure=False)
    return None
