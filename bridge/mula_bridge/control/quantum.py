"""Musical quanta: what a trigger or knob move waits for, as in ``1bar``. Pure."""

from __future__ import annotations

import re
from typing import Final

from mula_bridge.errors import BadInput

BEATS_PER_BAR: Final = 4
"""Four quarters: every engine we have writes in 4/4."""
MAX_BARS: Final = 64
OFF: Final = 0
"""Do not wait."""

QUANTUM: Final = r"^(off|([1-9]\d{0,2} ?)?(beat|bar)s?)$"
"""How it is written, for schemas."""

_FORM: Final = re.compile(r"(\d{0,3}) ?(beat|bar)s?", re.IGNORECASE)


def parse_quantum(text: str) -> int:
    """The quantum in beats (quarters): ``off``, ``beat``, ``bar``, or so many, as in ``2bars``.

    0 is off. Raises BadInput.
    """
    word = text.strip()
    if word.lower() == "off":
        return OFF
    found = _FORM.fullmatch(word)
    if found:
        count = int(found[1] or 1)
        beats = count * (BEATS_PER_BAR if found[2].lower() == "bar" else 1)
        if 0 < beats <= MAX_BARS * BEATS_PER_BAR:
            return beats
    raise BadInput(f"{text!r} is no quantum: off, beat, bar, 2bars, up to {MAX_BARS}bars")


def quantum_text(beats: int) -> str:
    """The quantum as it is written: what ``parse_quantum`` reads."""
    if beats == OFF:
        return "off"
    bars, rest = divmod(beats, BEATS_PER_BAR)
    count, word = (beats, "beat") if rest else (bars, "bar")
    return f"{count}{word}" + ("s" if count > 1 else "")
