"""The recipe of a clip: everything needed to know it, and to make it again.

It is the sidecar that lies beside each clip as JSON, one field a line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from mula_bridge.control import KnobValue
from mula_bridge.control.messages import Status
from mula_bridge.errors import BadInput
from mula_daemon.beats import Fit
from mula_daemon.clips.take import Change
from mula_daemon.engine import NO_TEXTS
from mula_daemon.files import Fields, is_number, is_whole

SCHEMA: Final = 1
TEXTS: Final = frozenset(NO_TEXTS.parts())
"""What a timeline may name besides frame knobs; its values are texts."""


class Warn(StrEnum):
    """What a listener should know of the clip's sound."""

    CLIPPED = "clipped"
    NEAR_SILENT = "near-silent"


@dataclass(frozen=True, slots=True)
class MadeBy:
    """The engine, the weights it had (``sha256`` is empty where there are none), and the
    fingerprint of the user's own sounds that it played with, empty for its own."""

    name: str
    version: str
    checkpoint: str = ""
    sha256: str = ""
    kit: str = ""


@dataclass(frozen=True, slots=True)
class Parent:
    """The clip this one went on from, and at which of its frames."""

    id: str
    frame: int


@dataclass(frozen=True, slots=True)
class Performance:
    """Every knob when the clip began, and each later change of a frame knob or a text."""

    initial: Mapping[str, KnobValue]
    timeline: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One clip. Times in seconds, rates in Hz, ``created`` in UTC as ISO 8601.

    ``peak_dbfs`` and ``loudness_lufs`` are None where there is nothing to measure.
    ``codes`` is a file name beside the sidecar. ``midi`` and the values of ``stems``, by
    instrument, are paths from the WAV's folder with forward slashes.
    """

    id: str
    job: str
    take: int
    created: str
    engine: MadeBy
    tags: tuple[str, ...]
    tags_b: tuple[str, ...] = ()
    lyrics: str = ""
    seed: int
    bpm: float
    bars: int
    meter: str
    key: str
    seconds: float
    sample_rate: int
    peak_dbfs: float | None
    loudness_lufs: float | None
    warnings: tuple[str, ...] = ()
    parent: Parent | None = None
    knobs: Performance
    codes: str | None = None
    stems: Mapping[str, str] = field(default_factory=dict)
    midi: str | None = None
    status: Status = Status.NEW
    favourite: bool = False
    fit: Fit | None = None
    """Of a clip whose engine has no tempo of its own; ``bpm`` and ``bars`` are as it was cut."""


def to_json(recipe: Recipe) -> str:
    """The sidecar's text; ``from_json`` reads it back exactly."""
    fields = {"schema": SCHEMA, **asdict(recipe)}
    lines = (
        f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}"
        for name, value in fields.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def from_json(text: str, file: str) -> Recipe:
    """The recipe in a sidecar's text. Raises BadInput naming ``file`` and the field."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file}: not JSON: {error}") from error
    top = Fields(file, content)
    schema = top.whole("schema")
    if schema > SCHEMA:
        raise BadInput(
            f"{file}: schema {schema} was written by a newer mulabridge; "
            f"this one reads up to {SCHEMA}: update it"
        )
    if schema < 1:
        raise top.wrong("schema", f"1 to {SCHEMA}")
    engine = top.object("engine")
    knobs = top.object("knobs")
    initial = knobs.object("initial")
    stems = top.object("stems")
    recipe = Recipe(
        id=top.text("id"),
        job=top.text("job"),
        take=top.whole("take"),
        created=_utc(top, "created"),
        engine=MadeBy(
            name=engine.text("name"),
            version=engine.text("version"),
            checkpoint=engine.text("checkpoint"),
            sha256=engine.text("sha256"),
            kit=engine.text("kit") if engine.has("kit") else "",
        ),
        tags=top.texts("tags"),
        tags_b=top.texts("tags_b"),
        lyrics=top.text("lyrics"),
        seed=top.whole("seed"),
        bpm=top.positive("bpm"),
        bars=top.whole("bars"),
        meter=top.text("meter"),
        key=top.text("key"),
        seconds=top.positive("seconds"),
        sample_rate=top.whole("sample_rate"),
        peak_dbfs=top.optional("peak_dbfs", top.number),
        loudness_lufs=top.optional("loudness_lufs", top.number),
        warnings=top.texts("warnings"),
        parent=_parent(top),
        knobs=Performance(
            initial={name: _knob(initial, name) for name in initial.names},
            timeline=_timeline(knobs, "timeline"),
        ),
        codes=top.optional("codes", top.text),
        stems={name: stems.text(name) for name in stems.names},
        midi=top.optional("midi", top.text),
        status=_status(top, "status"),
        favourite=top.switch("favourite", absent=False),
        fit=_fit(top),
    )
    for fields in (top, engine, knobs):
        fields.done()
    return recipe


def utc_now() -> str:
    """This moment as ``created`` has it, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _utc(fields: Fields, name: str) -> str:
    text = fields.text(name)
    try:
        offset = datetime.fromisoformat(text).utcoffset()
    except ValueError:
        offset = None
    if offset != timedelta(0):
        raise fields.wrong(name, "a time in UTC such as 2025-06-01T12:00:00Z")
    return text


def _status(fields: Fields, name: str) -> Status:
    try:
        return Status(fields.text(name))
    except ValueError:
        raise fields.wrong(name, f"one of {', '.join(Status)}") from None


def _parent(fields: Fields) -> Parent | None:
    parent = fields.optional("parent", fields.object)
    if parent is None:
        return None
    read = Parent(parent.text("id"), parent.whole("frame"))
    parent.done()
    return read


def _fit(fields: Fields) -> Fit | None:
    found = fields.optional("fit", fields.object) if fields.has("fit") else None
    if found is None:
        return None
    read = Fit(
        asked_bpm=found.positive("asked_bpm"),
        asked_bars=found.whole("asked_bars"),
        spare_bars=found.whole("spare_bars"),
        bpm=found.optional("bpm", found.positive),
        drift_ms=found.number("drift_ms"),
        most_drift_ms=found.number("most_drift_ms"),
        steadiness=found.number("steadiness"),
        start_s=found.number("start_s"),
        fade_ms=found.number("fade_ms"),
        trimmed=found.switch("trimmed", absent=False),
        problem=found.text("problem"),
    )
    found.done()
    return read


def _knob(fields: Fields, name: str) -> KnobValue:
    value = fields.value(name)
    if not isinstance(value, str | int | float) or not (isinstance(value, str) or is_number(value)):
        raise fields.wrong(name, "a number or a text")
    return value


def _timeline(fields: Fields, name: str) -> tuple[Change, ...]:
    changes = fields.value(name)
    if not isinstance(changes, list):
        raise fields.wrong(name, "a list of [frame, name, value]")
    for change in changes:
        match change:
            case [frame, str() as what, value] if is_whole(frame) and (
                isinstance(value, str) if what in TEXTS else is_number(value)
            ):
                continue
        raise fields.wrong(name, "a list of [frame, name, value]")
    return tuple((frame, knob, value) for frame, knob, value in changes)
