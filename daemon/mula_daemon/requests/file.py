"""Requests as files: what a JSON file in the inbox asks for. Pure; any thread.

For programs that can write a file but open no socket, such as REAPER's Lua. A request
does one action of the table that controllers use, and may say for a ``generate`` what to
make. ``schema`` describes the format to editors and other languages.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from mula_bridge.control import ACTIONS, KNOBS, Effect, Knob, Press, parse_action
from mula_bridge.control.messages import Command, Generate, SetKnob
from mula_bridge.errors import BadInput
from mula_daemon.files import parse_json, typed

MAX_BYTES: Final = 65_536
# What an id names is a file: a line feed at its end would pass the dollar sign.
_ID: Final = Meta(
    pattern=r"^[A-Za-z0-9._-]{0,64}$(?!\n)",
    extra={"words": "1 to 64 letters, digits, dots, dashes and underscores"},
    description="Names the job; its answer lies in answers/ID.json. Left out: no answer.",
)
_DO: Final = Meta(
    description=f"An action, with its argument where it has one: {', '.join(ACTIONS)}"
)
_TAGS: Final = Meta(description="Prompt A of this job; left out: what is set.")
_TAGS_B: Final = Meta(description="Prompt B of this job.")
_LYRICS: Final = Meta(description="Lyrics of this job.")
_KNOBS: Final = Meta(
    description="Knobs that act on the next clip hold for this job only; the others are turned "
    "for everyone."
)


def _values(row: Knob) -> Any:
    """The type of what a file may ask of a knob: better refused than silently clamped, since a
    file is written once and read by nobody."""
    if row.choices:
        meta = Meta(description=row.description, extra_json_schema=row.schema)
        return Annotated[str, meta]
    kind = "whole number" if row.integer else "number"
    return Annotated[
        float,  # so that a program which knows no others may write 4.0 for 4
        Meta(
            ge=row.minimum,
            le=row.maximum,
            multiple_of=1 if row.integer else None,
            description=row.description,
            extra={"words": f"a {kind} from {row.minimum:g} to {row.maximum:g}"},
        ),
    ]


if TYPE_CHECKING:
    AskedKnobs = Struct
else:
    AskedKnobs = msgspec.defstruct(
        "AskedKnobs",
        [(row.name, _values(row) | UnsetType, UNSET) for row in KNOBS.values()],
        forbid_unknown_fields=True,
    )


class Asked(Struct, forbid_unknown_fields=True):
    """A request to mulabridge."""

    version: Literal[1]
    do: Annotated[str, _DO]
    id: Annotated[str, _ID] = ""
    tags: Annotated[tuple[str, ...] | UnsetType, _TAGS] = UNSET
    tags_b: Annotated[tuple[str, ...] | UnsetType, _TAGS_B] = UNSET
    lyrics: Annotated[str | UnsetType, _LYRICS] = UNSET
    knobs: Annotated[AskedKnobs | UnsetType, _KNOBS] = UNSET


class Version(Struct):
    """The part of a request that says how to read the rest."""

    version: int


@dataclass(frozen=True, slots=True)
class Request:
    """What one file asks for. ``id`` names the job and its answer; empty: no answer wanted."""

    id: str
    commands: tuple[Command, ...]


def read_request(text: str, file: str) -> Request:
    """The request in a file's text. Raises BadInput naming ``file`` and the field."""
    content = parse_json(text, file)
    version = typed(content, Version, file).version
    if version != 1:
        raise BadInput(f"{file}: version {version} is not known here; this mulabridge reads 1")
    asked = typed(content, Asked, file)
    try:
        action = parse_action(asked.do)
    except BadInput as error:
        raise BadInput(f"{file}: field do: {error}") from error
    given = msgspec.to_builtins(asked)
    mine = {name: given[name] for name in ("tags", "tags_b", "lyrics", "knobs") if name in given}
    if action.row.name != "generate":
        for name in mine:
            raise BadInput(f"{file}: field {name} only goes with do: generate, not {asked.do!r}")
        return Request(asked.id, (action.command(Press()),))
    # Knobs that steer what sounds are turned for everyone; the others hold for this job only.
    knobs = {}
    for name, value in mine.pop("knobs", {}).items():
        try:
            knobs[name] = KNOBS[name].coerce(value)
        except BadInput as error:
            raise BadInput(f"{file}: field knobs.{name}: {error}") from error
    own = {name: value for name, value in knobs.items() if KNOBS[name].effect is Effect.CLIP}
    live = [SetKnob(name, value) for name, value in knobs.items() if name not in own]
    return Request(asked.id, (*live, Generate(asked.id or None, own, **mine)))


def schema() -> dict[str, Any]:
    """The JSON schema of a request file (draft 2020-12), made from the types."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(Asked),
    }


if __name__ == "__main__":
    import sys

    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
