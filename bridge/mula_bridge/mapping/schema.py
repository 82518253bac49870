"""The JSON schema of mapping files, for editors: ``python -m mula_bridge.mapping.schema``.

Made from the tables. Without options it prints; ``--write FILE`` writes, and ``--check
FILE`` exits with 1 when the file is not what would be written. The reader itself
(mapping_file.py) checks more than a schema can, and says it better.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mula_bridge.control import ACTIONS, KNOBS, QUANTUM, ActionRow, Encoding, Knob, Mode, Needs
from mula_bridge.mapping.controls import ADDRESS, SOURCES
from mula_bridge.midi import Order

Schema = dict[str, Any]

_HIGHEST: Final = 127
_STEP: Final[Schema] = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
_ENDS: Final[Schema] = {
    "type": "array",
    "items": {"type": "number"},
    "minItems": 2,
    "maxItems": 2,
}
_CHANNEL: Final[Schema] = {
    "description": "1 to 16, or any",
    "oneOf": [{"type": "integer", "minimum": 1, "maximum": 16}, {"const": "any"}],
}


def schema() -> Schema:
    """The whole schema."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A mulabridge mapping file",
        "description": "Written by python -m mula_bridge.mapping.schema; see README.md.",
        **_object(
            {
                "version": {"const": 1},
                "controllers": {"type": "object", "additionalProperties": _controller()},
                "bindings": {"type": "array", "items": _binding()},
                "presets": {"type": "object", "additionalProperties": _values()},
                "genre_strength": {"type": "array", "minItems": 1, "items": _point()},
            },
            required=["version"],
        ),
        "definitions": {"control": _control()},
    }


def text() -> str:
    """The schema as its file has it."""
    return json.dumps(schema(), indent=2) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Print, write or check the schema; the exit status."""
    parser = argparse.ArgumentParser(prog="mula_bridge.mapping.schema", description=__doc__)
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--write", type=Path, metavar="FILE")
    either.add_argument("--check", type=Path, metavar="FILE")
    options = parser.parse_args(argv)
    if options.write:
        options.write.write_text(text(), encoding="utf-8")
    elif options.check:
        written = options.check.read_text(encoding="utf-8") if options.check.exists() else ""
        if written != text():
            sys.stderr.write(f"{options.check} is stale; write it again with --write\n")
            return 1
    else:
        sys.stdout.write(text())
    return 0


def _object(properties: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    found: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": dict(properties),
    }
    return {**found, "required": list(required)} if required else found


def _controller() -> Schema:
    return _object(
        {
            "in": {"type": "string", "description": "Pattern for the input ports; left out: any"},
            "out": {
                "type": "string",
                "description": "Pattern for the output ports; left out: none",
            },
            "controls": {
                "type": "object",
                "additionalProperties": {"$ref": "#/definitions/control"},
            },
        }
    )


def _source(word: str, top: int) -> Schema:
    if word == "pitch_bend":
        return {"const": True}
    number = {"type": "integer", "minimum": 0, "maximum": top}
    return {"oneOf": [number, {"const": "any"}]} if word == "program_change" else number


def _control() -> Schema:
    number = {"type": "integer", "minimum": 0, "maximum": _HIGHEST}
    found = _object(
        {
            **{word: _source(word, top) for word, top in SOURCES.items()},
            "channel": _CHANNEL,
            "kind": {"enum": ["knob", "button"]},
            "bits": {"enum": [7, 14]},
            "order": _words(Order),
            "mode": _words(Encoding),
            "step": {**_STEP, "description": "The way of one tick; 1 is the whole way"},
            "max_step": {**_STEP, "description": "The way of one tick when it is turned fast"},
            "wrap": {"type": "boolean"},
            "led": _object(
                {"cc": number, "note": number, "channel": _CHANNEL, "on": number, "off": number}
            ),
            "motorized": {"type": "boolean"},
            "port": {"type": "string", "description": "In a binding: the port it comes from"},
        }
    )
    return {**found, "oneOf": [{"required": [word]} for word in SOURCES]}


def _binding() -> Schema:
    osc = {
        "osc": {"type": "string", "pattern": ADDRESS, "description": "Not below /mula"},
        "range": {**_ENDS, "description": "What it sends at its ends; left out: 0 and 1"},
        "kind": {"enum": ["knob", "button"]},
    }
    found = _object(
        {
            "from": {
                "anyOf": [
                    {"type": "string", "pattern": r"^[^.]+\..+$"},
                    {"$ref": "#/definitions/control"},
                    _object(osc, required=["osc"]),
                ]
            },
            "to": {"enum": list(KNOBS)},
            "do": {"anyOf": [_action(row) for row in ACTIONS.values()]},
            "range": {**_ENDS, "description": "From and to, in the knob's own unit"},
            "takeover": _words(Mode),
            "feedback": {"enum": [True, False, "state"]},
            "quantize": {
                "description": "Wait for the beat: off, beat, bar, 2bars and so on",
                "anyOf": [{"const": False}, {"type": "string", "pattern": QUANTUM}],
            },
        },
        required=["from"],
    )
    return {**found, "oneOf": [{"required": ["to"]}, {"required": ["do"]}]}


def _action(row: ActionRow) -> Schema:
    name = row.name.replace(".", "\\.")
    match row.needs:
        case Needs.NOTHING:
            return {"const": row.name}
        case Needs.KNOB:
            return {"enum": [f"{row.name} {knob}" for knob in KNOBS]}
        case Needs.PRESET:  # alone after a program change, whose number is the preset's
            return {"type": "string", "pattern": f"^{name}( .+)?$"}
        case Needs.TAG:
            return {"type": "string", "pattern": f"^{name} .+$"}


def _values() -> Schema:
    return _object({name: _value(knob) for name, knob in KNOBS.items()})


def _point() -> Schema:
    numbers = {
        name: _value(knob)
        for name, knob in KNOBS.items()
        if not knob.choices and name != "genre_strength"
    }
    place = {"type": "number", "minimum": 0, "maximum": 1}
    return _object({"at": place, **numbers}, required=["at"])


def _value(knob: Knob) -> Schema:
    if knob.choices:
        return {"enum": list(knob.choices), "description": knob.description}
    return {
        "type": "integer" if knob.integer else "number",
        "minimum": knob.minimum,
        "maximum": knob.maximum,
        "description": knob.description,
    }


def _words(words: Iterable[str]) -> Schema:
    return {"enum": [str(word) for word in words]}


if __name__ == "__main__":
    raise SystemExit(main())
