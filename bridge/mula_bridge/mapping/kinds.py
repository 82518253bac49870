"""What may stand in a mapping file: each kind said once, for the reader and for the JSON schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from mula_bridge.control import (
    ACTIONS,
    KNOBS,
    OFF,
    QUANTUM,
    ActionRow,
    Knob,
    Needs,
    parse_action,
    parse_quantum,
)
from mula_bridge.control import knob as find_knob
from mula_bridge.errors import UnknownName
from mula_bridge.mapping.yaml_tree import YamlPart
from mula_bridge.osc import MAX_LENGTH

Schema = dict[str, Any]


class Kind(NamedTuple):
    """What may stand at a key, and what a JSON schema says of the same.

    ``read`` takes the part that stands there and the key's name, and raises MappingError. No
    schema: what stands there is only ever complained about.
    """

    read: Callable[[YamlPart, str], Any]
    schema: Schema | None

    def where(
        self, right: Callable[[Any], object], complaint: str | Callable[[Any], str], **said: object
    ) -> Kind:
        """This kind, if ``right`` says so, which a schema says as ``said``.

        ``complaint`` is formatted with the key's ``name`` and the ``value``, or made of the value.
        """

        def read(part: YamlPart, name: str) -> Any:
            value = self.read(part, name)
            if right(value):
                return value
            if isinstance(complaint, str):
                raise part.error(complaint.format(name=name, value=value))
            raise part.error(complaint(value))

        return Kind(read, {**(self.schema or {}), **said})

    def then(self, convert: Callable[[Any], Any], schema: Schema | None = None) -> Kind:
        """What ``convert`` makes of this kind; it may raise BadInput."""

        def read(part: YamlPart, name: str) -> Any:
            with part.blamed():
                return convert(self.read(part, name))

        return Kind(read, schema or self.schema)


class Field(NamedTuple):
    """One row of the table: a key, what may stand there and what it means (in Markdown).

    ``default`` is its value when it is left out, and ``left_out`` says so where that needs more
    words. ``needed`` is the complaint about a record without it.
    """

    name: str
    kind: Kind
    meaning: str = ""
    default: Any = None
    left_out: str = ""
    needed: str = ""

    @property
    def absence(self) -> str:
        """What holds when it is left out, in Markdown."""
        plain = isinstance(self.default, str | int | float)
        return self.left_out or (f"`{str(self.default).lower()}`" if plain else "")

    def schema(self) -> Schema:
        """What a JSON schema says of it."""
        words = self.meaning + (f"; left out: {self.absence}" if self.absence else "")
        return {**(self.kind.schema or {}), "description": words.replace("`", "")}


class Keys(dict[str, Any]):
    """A record as a file has it: the value of each given key in their order, the default of others.

    ``part`` is where it stands, ``parts`` where each given key's value does.
    """

    def __init__(self, part: YamlPart, defaults: Mapping[str, Any]) -> None:
        self.part = part
        self.parts: dict[str, YamlPart] = {}
        self._defaults = defaults

    def __missing__(self, name: str) -> Any:
        return self._defaults[name]


@dataclass(frozen=True, slots=True)
class Record:
    """Fields that stand together. ``what`` and ``key`` name it and its keys in complaints.

    Of the keys ``either`` there is exactly one; ``otherwise`` is the complaint.
    """

    what: str
    fields: tuple[Field, ...]
    either: tuple[str, ...] = ()
    otherwise: str = ""
    key: str = ""

    def read(self, part: YamlPart) -> Keys:
        """What ``part`` says; raises MappingError."""
        known = {field.name: field for field in self.fields}
        keys = Keys(part, {name: field.default for name, field in known.items()})
        for name, (key, value) in part.entries(self.what).items():
            if name not in known:
                unknown = UnknownName(self.key or f"key in {self.what}", name, known)
                there = "" if len(known) > 12 else f" (there are {', '.join(known)})"
                raise key.error(f"{unknown}{there}")
            keys.parts[name] = value
        for name, field in known.items():
            if field.needed and name not in keys.parts:
                raise part.error(field.needed)
        for name, value in keys.parts.items():
            keys[name] = known[name].kind.read(value, name)
        if self.either and sum(name in keys for name in self.either) != 1:
            raise part.error(self.otherwise)
        return keys

    def schema(self) -> Schema:
        """What a JSON schema says of it."""
        said = [field for field in self.fields if field.kind.schema is not None]
        required = [field.name for field in said if field.needed]
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {field.name: field.schema() for field in said},
            **({"required": required} if required else {}),
            **({"oneOf": [{"required": [name]} for name in self.either]} if self.either else {}),
        }


# --- words and numbers --------------------------------------------------------------------------

TEXT: Final = Kind(YamlPart.text, {"type": "string", "pattern": r"\S"})
FLAG: Final = Kind(YamlPart.flag, {"type": "boolean"})
NUMBER: Final = Kind(YamlPart.number, {"type": "number"})
SHARE: Final = NUMBER.where(
    lambda share: 0.0 < share <= 1.0,
    "{name} is above 0 and at most 1 (the whole way), not {value:g}",
    exclusiveMinimum=0,
    maximum=1,
)
"""A part of a control's way."""
PLACE: Final = NUMBER.where(
    lambda place: 0.0 <= place <= 1.0, "{name!r} is 0..1, not {value:g}", minimum=0, maximum=1
)
"""A place on a knob's way."""
_NUMBERS: Final = Kind(
    lambda part, name: [end.number(name) for end in part.items(name)],
    {"type": "array", "items": NUMBER.schema, "minItems": 2, "maxItems": 2},
)
ENDS: Final = _NUMBERS.where(
    lambda ends: len(ends) == 2, "a range is two numbers: [from, to]"
).where(
    lambda ends: ends[0] != ends[1],
    "a range from {value[0]:g} to {value[1]:g} leaves nothing to turn",
    uniqueItems=True,
)
"""Two numbers that differ."""


def whole(low: int, high: int) -> Kind:
    """A whole number."""

    def read(part: YamlPart, name: str) -> int:
        number = part.number(name)
        if number != int(number) or not low <= number <= high:
            raise part.error(f"{name} is a whole number {low}..{high}, not {part.shown()}")
        return int(number)

    return Kind(read, {"type": "integer", "minimum": low, "maximum": high})


def pair(kind: Kind, complaint: str) -> Kind:
    """Two of ``kind``, in brackets."""

    def read(part: YamlPart, name: str) -> tuple[Any, Any]:
        items = part.items(name)
        if len(items) != 2:
            raise part.error(complaint)
        return kind.read(items[0], name), kind.read(items[1], name)

    return Kind(read, {"type": "array", "items": kind.schema, "minItems": 2, "maxItems": 2})


def words(options: Iterable[str | int]) -> Kind:
    """One of ``options``."""
    named = {str(option): option for option in options}

    def read(part: YamlPart, name: str) -> str | int:
        word = part.text(name)
        if word not in named:
            raise part.error(f"{UnknownName(name, word, named)} (there are {', '.join(named)})")
        return named[word]

    values = [word if isinstance(option, str) else option for word, option in named.items()]
    return Kind(read, {"enum": values})


def or_any(kind: Kind) -> Kind:
    """``kind``, or the word ``any``, which is read as None."""

    def read(part: YamlPart, name: str) -> Any:
        anything = part.is_text() and part.text(name) == "any"
        return None if anything else kind.read(part, name)

    return Kind(read, {"oneOf": [kind.schema, {"const": "any"}]})


def refused(complaint: str) -> Kind:
    """A key that is known for the complaint about it."""

    def read(part: YamlPart, name: str) -> Any:
        raise part.error(complaint)

    return Kind(read, None)


# --- the vocabulary -----------------------------------------------------------------------------


def knob_value(row: Knob) -> Kind:
    """A value of a knob, which has to be within its range as it stands."""
    low, high = row.minimum, row.maximum
    if row.choices:
        return TEXT.then(row.coerce, row.schema)
    outside = f"{row.name} {{value:g}} is outside {low:g}..{high:g}"
    kind = NUMBER.where(lambda number: low <= number <= high, outside, minimum=low, maximum=high)
    if row.integer:
        fraction = "{name} is a whole number, not {value:g}"
        kind = kind.where(lambda number: number == int(number), fraction, type="integer")
    return kind.then(row.coerce)


def _action(row: ActionRow) -> Schema:
    name = row.name.replace(".", "\\.")
    match row.needs:
        case Needs.NOTHING:
            return {"const": row.name}
        case Needs.KNOB:
            return {"enum": [f"{row.name} {one}" for one in KNOBS]}
        case Needs.PRESET:  # alone after a program change, whose number is the preset's
            return {"type": "string", "pattern": f"^{name}( .+)?$"}
        case Needs.TAG:
            return {"type": "string", "pattern": f"^{name} .+$"}


KNOB: Final = TEXT.then(find_knob, {"enum": list(KNOBS)})
ACTION: Final = TEXT.then(
    lambda text: parse_action(text, numbered=True) and text,
    {"anyOf": [_action(row) for row in ACTIONS.values()]},
)
"""An action, as text: whether it is whole depends on what triggers it."""
BEATS: Final = TEXT.then(
    lambda word: OFF if word == "false" else parse_quantum(word),  # what YAML 1.1 makes of off
    {"anyOf": [{"const": False}, {"type": "string", "pattern": QUANTUM}]},
)
FEEDBACK: Final = Kind(
    lambda part, name: "state" if part.text(name) == "state" else part.flag(name),
    {"enum": [True, False, "state"]},
)

_SENDABLE: Final = r"""[!"$-)+\-.0->@-Z\\^-z|~]"""


def _address_fault(address: str) -> str:
    """Why it cannot be sent, or nothing."""
    if not address.startswith("/"):
        return "it begins with /"
    if "//" in address or address.endswith("/"):
        return "a part of it is empty"
    if unsendable := re.sub(f"{_SENDABLE}|/", "", address):
        return f"it has no {unsendable[0]!r}"
    return f"it has more than {MAX_LENGTH} characters" if len(address) > MAX_LENGTH else ""


ADDRESS: Final = TEXT.where(
    lambda address: not _address_fault(address),
    lambda address: f"{address!r} is no OSC address: {_address_fault(address)}",
    maxLength=MAX_LENGTH,
).where(
    lambda address: not re.match("/mula(/|$)", address),
    "{value} is the daemon's own; it works without a binding",
    pattern=f"^(?!/mula(/|$))(/{_SENDABLE}+)+$",
)
"""An OSC address of somebody else's layout."""

# --- records in records -------------------------------------------------------------------------


def one(record: Record) -> Kind:
    """A record."""
    return Kind(lambda part, _: record.read(part), record.schema())


def many(record: Record, **more: int) -> Kind:
    """A list of records; ``more`` is for the schema."""
    return Kind(
        lambda part, name: [record.read(item) for item in part.items(name)],
        {"type": "array", **more, "items": record.schema()},
    )


def named(record: Record, pattern: str = "", complaint: str = "") -> Kind:
    """Records by name, read as name to the name's own part and what the record says."""

    def read(part: YamlPart, name: str) -> dict[str, tuple[YamlPart, Keys]]:
        found = {}
        for word, (key, value) in part.entries(name).items():
            if not re.search(pattern, word):
                raise key.error(f"{complaint}, unlike {word!r}")
            found[word] = key, record.read(value)
        return found

    names = {"propertyNames": {"pattern": pattern}} if pattern else {}
    return Kind(read, {"type": "object", **names, "additionalProperties": record.schema()})
