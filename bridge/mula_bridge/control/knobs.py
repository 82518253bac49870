"""The knob table: every live parameter, once.

OSC addresses, MIDI mappings, the command line, the panel, the page, the Max
device and the reference docs all read this table; no range or default stands
anywhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from mula_bridge.control.keys import KEY, KEYS, parse_key
from mula_bridge.control.tapers import Linear, Log, Piecewise, Taper
from mula_bridge.errors import BadInput, UnknownName

KnobValue = float | int | str


class Effect(StrEnum):
    """When a turned knob takes effect."""

    FRAME = "frame"
    """At the next frame of the running clip."""
    CLIP = "clip"
    """In the next clip."""
    NOW = "now"
    """At once, without the engine."""


class Knob(Struct, frozen=True):
    """One row of the table.

    ``minimum`` and ``maximum`` bound the value in ``unit``; ``taper`` maps the
    knob's travel 0..1, which may cover less than that range. A knob with
    ``choices`` has one of those strings as its value and its travel steps
    through them; ``read`` knows how others may write one, and raises BadInput,
    ``form`` is the pattern of that.
    """

    name: str
    unit: str
    minimum: float
    maximum: float
    default: KnobValue
    taper: Taper
    effect: Effect
    description: str
    integer: bool = False
    choices: tuple[str, ...] = ()
    read: Callable[[str], str] | None = None
    form: str = ""

    def coerce(self, value: object) -> KnobValue:
        """The nearest value this knob can have.

        Numbers are clamped, integers rounded; a choice is taken by name (in any
        case, and as ``read`` knows it) or by index. Raises BadInput for another type, NaN or
        infinity.
        """
        if self.choices and isinstance(value, str):
            word = value.strip().lower()
            for choice in self.choices:
                if choice.lower() == word:
                    return choice
            if self.read is not None:
                return self.read(value)
            raise UnknownName(self.name, value, self.choices)
        wanted = f"one of {', '.join(self.choices)}" if self.choices else "a number"
        number = self._finite(value, wanted)
        if self.choices:
            return self.choices[min(len(self.choices) - 1, max(0, round(number)))]
        clamped = min(self.maximum, max(self.minimum, number))
        return round(clamped) if self.integer else float(clamped)

    @property
    def schema(self) -> dict[str, object]:
        """The JSON schema of a choice in a file."""
        if not self.form:
            return {"enum": list(self.choices)}
        return {"type": "string", "pattern": self.form, "examples": list(self.choices)}

    def from_norm(self, travel: float) -> KnobValue:
        """The value at ``travel`` 0..1 (clamped) of this knob's way."""
        share = self._finite(travel, "a travel 0..1", "travel")
        return self.coerce(self.taper.at(min(1.0, max(0.0, share))))

    def to_norm(self, value: KnobValue) -> float:
        """The travel 0..1 at which this knob shows ``value``."""
        number = self.choices.index(value) if isinstance(value, str) else value
        return self.taper.of(float(number))

    def check(self, value: float) -> None:
        """Raises BadInput for a number outside this knob's range."""
        if not self.minimum <= value <= self.maximum:
            raise BadInput(f"{self.name} {value:g} is outside {self.minimum:g}..{self.maximum:g}")

    def _finite(self, value: object, wanted: str, what: str = "number") -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadInput(f"knob {self.name!r} takes {wanted}, not {value!r}")
        try:
            if math.isfinite(value):
                return value
        except OverflowError:  # a whole number that is too large for any float
            raise BadInput(f"knob {self.name!r} takes a smaller {what} than that") from None
        raise BadInput(f"knob {self.name!r} takes a finite {what}, not {value!r}")


_ROWS = (
    Knob("cfg", "", 0.0, 7.0, 1.5, Linear(1.0, 5.0), Effect.FRAME,
         "Guidance scale: how hard the tags pull. 1.5 is the paper's default; 2.5 to 4 makes a "
         "stubborn genre obey."),
    Knob("temperature", "", 0.0, 2.0, 1.0, Piecewise(0.0, 1.0, 2.0), Effect.FRAME,
         "How freely codes are drawn. 0 is greedy; 0.8 keeps a strict rhythm."),
    Knob("top_k", "codes", 1, 250, 50, Log(1, 250), Effect.FRAME,
         "How many of the likeliest codes may be drawn at all.", integer=True),
    Knob("genre_strength", "", 0.0, 1.0, 0.0, Linear(0.0, 1.0), Effect.FRAME,
         "One knob for cfg, temperature and top_k along the curve of recipes."),
    Knob("morph", "", 0.0, 1.0, 0.0, Linear(0.0, 1.0), Effect.FRAME,
         "Crossfade from prompt A (0) to prompt B (1)."),
    Knob("bars", "bars", 1, 64, 4, Log(1, 64), Effect.CLIP,
         "Length of the next clip.", integer=True),
    Knob("bpm", "BPM", 40.0, 240.0, 120.0, Linear(60.0, 200.0), Effect.CLIP,
         "Tempo of the next clip."),
    Knob("takes", "takes", 1, 16, 1, Linear(1, 16), Effect.CLIP,
         "How many clips one job makes, each with its own seed.", integer=True),
    Knob("seed", "", -1, 2**31 - 1, -1, Linear(-1, 999), Effect.CLIP,
         "Seed of the next clip; -1 draws a fresh one, which the clip reports.", integer=True),
    Knob("key", "", 0, len(KEYS) - 1, "Amin", Linear(0, len(KEYS) - 1), Effect.CLIP,
         "Tonic and mode of the next clip.", choices=KEYS, read=parse_key,
         form=KEY),
    Knob("pace", "x real time", 0.0, 8.0, 0.0, Linear(0.0, 8.0), Effect.CLIP,
         "How fast a clip is generated: 1 is as fast as it plays, so that there is time to turn "
         "knobs; 0 is as fast as the machine can."),
    Knob("gain_db", "dB", -60.0, 6.0, 0.0, Piecewise(-60.0, -12.0, 6.0), Effect.NOW,
         "Loudness of what is played; clips in the folder keep their own."),
)  # fmt: skip

KNOBS: Final[Mapping[str, Knob]] = MappingProxyType({row.name: row for row in _ROWS})
FRAME_KNOBS: Final = ("cfg", "temperature", "top_k", "morph")
"""What an engine reads before each frame; genre_strength reaches it as the first three."""


ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType({
    "tempo": "bpm", "guidance": "cfg", "cfg_scale": "cfg", "temp": "temperature", "topk": "top_k",
    "volume": "gain_db", "gain": "gain_db", "level": "gain_db", "length": "bars", "scale": "key",
    "speed": "pace",
})  # fmt: skip
"""What other programs call our knobs: a hint, where likeness would name another knob."""


def knob(name: str) -> Knob:
    """The row called ``name``; raises UnknownName with the one that is meant, or the nearest."""
    try:
        return KNOBS[name]
    except KeyError:
        raise UnknownName("knob", name, KNOBS, ELSEWHERE.get(name.lower())) from None


class Knobs(Mapping[str, KnobValue]):
    """An immutable snapshot of every knob's effective value.

    Safe to share between threads. Values given are coerced; knobs not given
    have their defaults. Raises UnknownName and BadInput.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, object] = MappingProxyType({})) -> None:
        given = {name: knob(name).coerce(value) for name, value in values.items()}
        self._values = {name: given.get(name, row.default) for name, row in KNOBS.items()}

    def __getitem__(self, name: str) -> KnobValue:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Knobs({self._values})"

    def __reduce__(self) -> tuple[type[Knobs], tuple[dict[str, KnobValue]]]:
        return Knobs, (dict(self._values),)

    def turned(self, **values: object) -> Knobs:
        """A snapshot like this one with some knobs moved."""
        return Knobs({**self._values, **values})

    def number(self, name: str) -> float:
        """The value of a numeric knob; an index for a knob with choices."""
        value = self._values[name]
        return KNOBS[name].choices.index(value) if isinstance(value, str) else value
