"""Requests as files: what a JSON file in the inbox asks for. Pure; any thread.

For programs that can write a file but open no socket, such as REAPER's Lua. A request
does one action of the table that controllers use, and may say for a ``generate`` what to
make. ``schema`` describes the format to editors and other languages.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from mula_bridge.control import ACTIONS, KNOBS, Effect, KnobValue, Press, knob, parse_action
from mula_bridge.control.messages import Command, Generate, SetKnob
from mula_bridge.errors import BadInput, UnknownName
from mula_daemon.files import Fields, is_number

VERSION: Final = 1
MAX_BYTES: Final = 65_536
ID_PATTERN: Final = r"[A-Za-z0-9._-]{1,64}"
_PER_JOB: Final = ("tags", "tags_b", "lyrics", "knobs")


@dataclass(frozen=True, slots=True)
class Request:
    """What one file asks for. ``id`` names the job and its answer; empty: no answer wanted."""

    id: str
    commands: tuple[Command, ...]


def read_request(text: str, file: str) -> Request:
    """The request in a file's text. Raises BadInput naming ``file`` and the field."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file}: not JSON: {error}") from error
    fields = Fields(file, content)
    version = fields.whole("version")
    if version != VERSION:
        raise BadInput(f"{file}: version {version} is not known here; this mulabridge reads 1")
    asked = fields.text("do")
    try:
        action = parse_action(asked)
    except BadInput as error:
        raise BadInput(f"{file}: field do: {error}") from error
    name = fields.text("id") if fields.has("id") else ""
    if name and not re.fullmatch(ID_PATTERN, name):
        raise fields.wrong("id", "1 to 64 letters, digits, dots, dashes and underscores")
    if action.row.name != "generate":
        for field in _PER_JOB:
            if fields.has(field):
                raise BadInput(f"{file}: field {field} only goes with do: generate, not {asked!r}")
        fields.done()
        return Request(name, (action.command(Press()),))
    live, own = _knobs(fields, file)
    texts = {field: fields.texts(field) for field in ("tags", "tags_b") if fields.has(field)}
    lyrics = fields.text("lyrics") if fields.has("lyrics") else None
    fields.done()
    generate = Generate(name or None, own, texts.get("tags"), texts.get("tags_b"), lyrics)
    return Request(name, (*live, generate))


def _knobs(fields: Fields, file: str) -> tuple[list[SetKnob], dict[str, KnobValue]]:
    """Knobs that steer what sounds are turned for everyone; the others hold for this job only."""
    live: list[SetKnob] = []
    own: dict[str, KnobValue] = {}
    if not fields.has("knobs"):
        return live, own
    values = fields.object("knobs")
    for name in values.names:
        value = values.value(name)
        try:
            row = knob(name)
        except UnknownName as error:
            raise BadInput(f"{file}: field knobs: {error}") from error
        # A file is written once and read by nobody: better refused than silently clamped.
        if row.choices:
            if value not in row.choices:
                raise values.wrong(name, f"one of {', '.join(row.choices)}")
        elif not is_number(value) or row.coerce(value) != value:
            kind = "a whole number from" if row.integer else "a number from"
            raise values.wrong(name, f"{kind} {row.minimum:g} to {row.maximum:g}")
        wanted = row.coerce(value)
        if row.effect is Effect.CLIP:
            own[name] = wanted
        else:
            live.append(SetKnob(name, wanted))
    return live, own


def schema() -> dict[str, Any]:
    """The JSON schema of a request file (draft 2020-12), made from the tables."""
    texts = {"type": "array", "items": {"type": "string"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A request to mulabridge",
        "type": "object",
        "required": ["version", "do"],
        "additionalProperties": False,
        "properties": {
            "version": {"const": VERSION},
            "id": {
                "type": "string",
                "pattern": f"^{ID_PATTERN}$",
                "description": "Names the job; its answer lies in answers/ID.json.",
            },
            "do": {
                "type": "string",
                "description": "An action, with its argument where it has one: "
                + ", ".join(ACTIONS),
            },
            "tags": {**texts, "description": "Prompt A of this job; left out: what is set."},
            "tags_b": {**texts, "description": "Prompt B of this job."},
            "lyrics": {"type": "string", "description": "Lyrics of this job."},
            "knobs": {
                "type": "object",
                "additionalProperties": False,
                "properties": {name: _knob_schema(name) for name in KNOBS},
                "description": "Knobs that act on the next clip hold for this job only; the "
                "others are turned for everyone.",
            },
        },
    }


def _knob_schema(name: str) -> dict[str, Any]:
    row = KNOBS[name]
    described = {"description": row.description}
    if row.choices:
        return {"enum": list(row.choices), **described}
    kind = "integer" if row.integer else "number"
    return {"type": kind, "minimum": row.minimum, "maximum": row.maximum, **described}


if __name__ == "__main__":
    import sys

    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")
