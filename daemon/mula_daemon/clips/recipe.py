"""The recipe of a clip: everything needed to know it, and to make it again.

It is the sidecar that lies beside each clip as JSON, one field a line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from mula_bridge.control.messages import Status
from mula_bridge.errors import BadInput
from mula_daemon.beats import Fit
from mula_daemon.engine import NO_TEXTS
from mula_daemon.files import Number, Positive, Whole, parse_json, typed, wrong

SCHEMA: Final = 1
TEXTS: Final = frozenset(NO_TEXTS.parts())
"""What a timeline may name besides frame knobs; its values are texts."""

RARE: Final = ("silent_from", "silent_until")
"""Fields that are written only where they say something."""


class Warn(StrEnum):
    """What a listener should know of the clip's sound."""

    CLIPPED = "clipped"
    NEAR_SILENT = "near-silent"
    FALLS_SILENT = "falls-silent"


_Value = Annotated[Whole | Number | str, Meta(extra={"words": "a number or a text"})]
_CHANGES: Final = "a list of [frame, name, value]"


class MadeBy(Struct, frozen=True, forbid_unknown_fields=True):
    """The engine, the weights it had (``sha256`` is empty where there are none), and the
    fingerprint of the user's own sounds that it played with, empty for its own."""

    name: str
    version: str
    checkpoint: str = ""
    sha256: str = ""
    kit: str = ""


class Parent(Struct, frozen=True, forbid_unknown_fields=True):
    """The clip this one went on from, and at which of its frames."""

    id: str
    frame: int


class Performance(Struct, frozen=True, forbid_unknown_fields=True):
    """Every knob when the clip began, and each later change of a frame knob or a text."""

    initial: Mapping[str, _Value]
    timeline: Annotated[tuple[tuple[int, str, _Value], ...], Meta(extra={"words": _CHANGES})]


class Recipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One clip. Times in seconds, rates in Hz, ``created`` in UTC as ISO 8601.

    ``peak_dbfs`` and ``loudness_lufs`` are None where there is nothing to measure.
    ``codes`` is a file name beside the sidecar. ``midi`` and the values of ``stems``, by
    instrument, are paths from the WAV's folder with forward slashes.

    Fields with a default are those that the first sidecars did not have.
    """

    id: str
    job: str
    take: Whole
    created: str
    engine: MadeBy
    tags: tuple[str, ...]
    tags_b: tuple[str, ...]
    lyrics: str
    seed: Whole
    bpm: Positive
    bars: Whole
    meter: str
    key: str
    seconds: Positive
    sample_rate: Whole
    peak_dbfs: Number | None
    loudness_lufs: Number | None
    warnings: tuple[str, ...]
    parent: Parent | None
    knobs: Performance
    codes: str | None
    stems: Mapping[str, str]
    midi: str | None
    status: Status
    favourite: bool = False
    fit: Fit | None = None
    """Of a clip whose engine has no tempo of its own; ``bpm`` and ``bars`` are as it was cut."""
    silent_from: Number | None = None
    """Where its longest stretch of near-silence begins, if that is long and not all of it..."""
    silent_until: Number | None = None
    """...and ends."""


class Edition(Struct):
    """The part of a sidecar that says how to read the rest."""

    schema: int


def to_json(recipe: Recipe) -> str:
    """The sidecar's text; ``from_json`` reads it back exactly."""
    write = partial(json.dumps, ensure_ascii=False, allow_nan=False, default=structs.asdict)
    fields = {"schema": SCHEMA, **structs.asdict(recipe)}
    for name in RARE:
        if fields[name] is None:
            del fields[name]
    lines = (f"  {write(name)}: {write(value)}" for name, value in fields.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def from_json(text: str, file: str) -> Recipe:
    """The recipe in a sidecar's text. Raises BadInput naming ``file`` and the field."""
    content = parse_json(text, file)
    schema = typed(content, Edition, file).schema
    if schema > SCHEMA:
        raise BadInput(
            f"{file}: schema {schema} was written by a newer mulabridge; "
            f"this one reads up to {SCHEMA}: update it"
        )
    if schema < 1:
        raise wrong(file, "schema", f"1 to {SCHEMA}", schema)
    assert isinstance(content, dict)
    fields = {name: value for name, value in content.items() if name != "schema"}
    recipe = typed(fields, Recipe, file)
    if not _is_utc(recipe.created):
        raise wrong(file, "created", "a time in UTC such as 2025-06-01T12:00:00Z", recipe.created)
    for change in recipe.knobs.timeline:
        if isinstance(change[2], str) is not (change[1] in TEXTS):
            raise wrong(file, "knobs.timeline", _CHANGES, change)
    return recipe


def utc_now() -> str:
    """This moment as ``created`` has it, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _is_utc(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).utcoffset() == timedelta(0)
    except ValueError:
        return False
