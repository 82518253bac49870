"""Commands and reports of live play. Frozen plain data, parts of the unions in messages.py."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Live:
    """Play for ever through the audio interface, or end that; None: the one that is not now."""

    on: bool | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """Keep the last ``bars`` bars that were just heard as a clip; None: as many as knob ``bars``
    says."""

    bars: int | None = None


@dataclass(frozen=True, slots=True)
class LiveChanged:
    """Live play began or ended; ``reason`` says why it ended by itself."""

    on: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """A knob's value is in what is heard now.

    ``milliseconds`` run from its arrival to its first sample at the interface, ``waited`` of them
    until the frame ``frame`` began that was the first to be sampled with it.
    """

    name: str
    value: float
    milliseconds: float
    waited: float
    frame: int
