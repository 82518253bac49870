"""Presets: named settings, and the way from one to another. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final
from unicodedata import normalize

from msgspec import Struct, field

from mula_bridge.control.knobs import KNOBS, KnobValue
from mula_bridge.errors import BadInput, UnknownName

NEVER_BETWEEN: Final = ("seed",)
"""Numbers with no meaning half-way between two of them."""


class Preset(Struct, frozen=True):
    """Some knobs, and perhaps the texts; what is not named stays as it is.

    ``tags``, ``tags_b`` and ``lyrics`` None: not part of the preset.
    """

    knobs: Mapping[str, KnobValue] = field(default_factory=lambda: MappingProxyType({}))
    tags: tuple[str, ...] | None = None
    tags_b: tuple[str, ...] | None = None
    lyrics: str | None = None


def preset_name(names: Collection[str], which: str | int) -> str:
    """The name that a name, or a number from 1 in the order of ``names``, means.

    Raises BadInput, or UnknownName with the nearest.
    """
    if isinstance(which, int):
        if not 1 <= which <= len(names):
            there = f"they are numbered 1 to {len(names)}" if names else "there are no presets"
            raise BadInput(f"there is no preset {which}; {there}")
        return list(names)[which - 1]
    for name in (which, normalize("NFC", which)):  # a Mac spells an accent as a sign of its own
        if name in names:
            return name
    raise UnknownName("preset", which, names)


def find_preset(presets: Mapping[str, Preset], which: str | int) -> Preset:
    """A preset by name, or by number from 1. Raises BadInput, or UnknownName with the nearest."""
    return presets[preset_name(presets, which)]


def morph(one: Preset, other: Preset, at: float) -> Preset:
    """The preset ``at`` 0..1 of the way: knobs along their tapers, the rest switching half-way.

    At 0 and 1 it is exactly ``one`` and ``other``, where both name a knob. A knob that only
    one of them names is theirs on their half of the way, and left alone on the other half.
    Raises BadInput for ``at`` outside 0..1.
    """
    if not 0.0 <= at <= 1.0:
        raise BadInput(f"a morph goes from 0 to 1, not to {at:g}")
    near = one if at < 0.5 else other
    knobs = {
        name: _between(name, one.knobs[name], other.knobs[name], at)
        if name in one.knobs and name in other.knobs
        else near.knobs[name]
        for name in KNOBS
        if name in near.knobs or (name in one.knobs and name in other.knobs)
    }
    return Preset(MappingProxyType(knobs), near.tags, near.tags_b, near.lyrics)


def _between(name: str, one: KnobValue, other: KnobValue, at: float) -> KnobValue:
    knob = KNOBS[name]
    if at in (0.0, 1.0) or one == other or knob.choices or name in NEVER_BETWEEN:
        return one if at < 0.5 else other
    start, end = float(one), float(other)
    first, last = knob.taper.of(start), knob.taper.of(end)
    if _on_way(knob.taper.at(first), start) and _on_way(knob.taper.at(last), end):
        return knob.coerce(knob.taper.at(first + (last - first) * at))
    # Beyond its travel a knob has no taper to follow.
    return knob.coerce(start + (end - start) * at)


def _on_way(found: float, value: float) -> bool:
    return abs(found - value) <= 1e-6 * max(1.0, abs(value))
