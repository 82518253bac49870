"""The field table: README says what it says, and reader and schema are of one mind over it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.actions import ACTIONS
from mula_bridge.control.knobs import KNOBS
from mula_bridge.mapping import fields
from mula_bridge.mapping.bundled import bundled_folder
from mula_bridge.mapping.file import parse_mapping
from mula_bridge.mapping.kinds import Field, Record
from mula_bridge.mapping.model import MappingError
from mula_bridge.mapping.schema import schema
from mula_bridge.mapping.yaml_tree import parse_yaml

RECORDS = (
    fields.MAP,
    fields.CONTROLLER,
    fields.CONTROL,
    fields.INLINE,
    fields.LED,
    fields.OSC,
    fields.BINDING,
)
README = (bundled_folder() / "README.md").read_text(encoding="utf-8").replace("| |", "|  |")


def row(field: Field) -> str:
    """The field's row in README; a control's source says what numbers there are."""
    if field in fields.SOURCES:
        return f"| `{field.name}: {span(field.kind.schema or {})}` | {field.meaning} |"
    return f"| `{field.name}` | {field.meaning} | {field.absence} |"


def span(said: dict[str, Any]) -> str:
    if "oneOf" in said:
        return f"{span(said['oneOf'][0])}` or `any"
    return "true" if "const" in said else f"{said['minimum']}..{said['maximum']}"


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.what)
def test_readme_has_a_row_for_every_field(record: Record) -> None:
    missing = [row(field) for field in record.fields if field.meaning]
    assert [line for line in missing if line not in README.splitlines()] == []


def test_readme_has_no_key_that_is_not_in_the_table() -> None:
    tables = README.split("| key | meaning | left out |\n|---|---|---|\n")[1:]
    listed = [line for table in tables for line in table.partition("\n\n")[0].splitlines()]
    known = {row(field) for record in RECORDS for field in record.fields}
    assert [line for line in listed if line not in known] == []


# --- laws over generated maps -------------------------------------------------------------------
# Every value is written as JSON, so that YAML reads what an editor does.

VALUES: dict[str, list[Any]] = {
    "port": ["Box*", ""],
    "pattern": ["Box*"],
    "range": [[0, 1], [1, 4], [60, 180.5], [1, 1], [1]],
    "from": ["box.a", "box.b", "box"],
    "to": [*KNOBS, "cgf"],
    "do": [*ACTIONS, "reset cfg", "reset cgf", "tag dark", "preset.load one", "generate now"],
    "osc": ["/1/fader1", "/x", "/mula", "/mulatto", "/mula/x", "/a b", "/ü", "/x/", "x", "/{a}"],
    "quantize": ["off", "beat", "2bars", "16 beats", "1bra", False, True],
}
ANYTHING = [-1, 0, 1, 7, 14, 16, 17, 31, 127, 128, 16383, 16384, 0.01, 0.5, 1.5, True, False,
            "any", "knob", "state", "H", "Amin", [], [0, 1], {}, {"cc": 1}]  # fmt: skip
CONTROLS = st.deferred(lambda: documents(fields.CONTROL))
NESTED: dict[str, st.SearchStrategy[Any]] = {
    "controllers": st.fixed_dictionaries(
        {}, optional={"box": st.deferred(lambda: documents(fields.CONTROLLER)), "a.b": st.just({})}
    ),
    "controls": st.fixed_dictionaries({}, optional={"a": CONTROLS, "b": CONTROLS}),
    "bindings": st.lists(st.deferred(lambda: documents(fields.BINDING)), max_size=2),
    "presets": st.fixed_dictionaries(
        {},
        optional={name: st.deferred(lambda: documents(fields.PRESET)) for name in ("one", "7")},
    ),
    "genre_strength": st.lists(
        st.deferred(lambda: documents(fields.POINT)), min_size=1, max_size=2
    ),
    "led": st.deferred(lambda: documents(fields.LED)),
    "from": st.one_of(
        st.sampled_from(VALUES["from"]),
        st.deferred(lambda: documents(fields.INLINE)),
        st.deferred(lambda: documents(fields.OSC)),
    ),
}
NUMBERS = {"in", "out", "port", "do", "osc"}
"""Fields for text, which the reader takes as it is written: a number is the text of one."""


def said(of: dict[str, Any]) -> Iterator[Any]:
    """Values that a schema names or borders on."""
    yield from of.get("enum", [])
    yield from [of["const"]] if "const" in of else []
    for bound in ("minimum", "maximum"):
        yield from [of[bound]] if bound in of else []
    for part in (*of.get("oneOf", []), *of.get("anyOf", [])):
        yield from said(part)


def values(field: Field) -> st.SearchStrategy[Any]:
    if field.name in NESTED:
        return NESTED[field.name]
    right = [*said(field.kind.schema or {}), *VALUES.get(field.name, [])]
    if field.name in NUMBERS:
        return st.sampled_from([*right, "Box*", "/1/fader1", [], {}])
    return st.sampled_from([*right * 3, *ANYTHING]) if right else st.sampled_from(ANYTHING)


def documents(record: Record) -> st.SearchStrategy[dict[str, Any]]:
    """Records with some of their keys, whether they make sense or not."""
    needed = {field.name: values(field) for field in record.fields if field.needed}
    keys = {field.name: values(field) for field in record.fields}
    some = st.sets(st.sampled_from(sorted(keys.keys() - needed.keys())), max_size=3)
    if record.either:
        one = st.sampled_from(record.either).map(lambda name: {name})
        some = st.tuples(some, one).map(lambda pair: pair[0] - set(record.either) | pair[1])
    whole = some.flatmap(
        lambda names: st.fixed_dictionaries({**needed, **{name: keys[name] for name in names}})
    )
    loose = st.fixed_dictionaries({}, optional=keys | {"x": st.just(1)})
    return st.one_of(whole, whole, whole, loose)


def complaint(read: Callable[[str], object], document: Any) -> str:
    try:
        read(json.dumps(document, ensure_ascii=False))
    except MappingError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("record", [*RECORDS, fields.PRESET, fields.POINT], ids=lambda r: r.what)
def test_what_the_table_reads_its_schema_accepts_and_the_other_way_round(record: Record) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft7Validator(record.schema())

    @given(documents(record))
    def agree(document: Any) -> None:
        wrong = complaint(lambda text: record.read(parse_yaml(text, "m")), document)
        assert validator.is_valid(document) == (not wrong), wrong

    agree()


@given(documents(fields.MAP))
def test_no_map_is_taken_that_an_editor_would_underline(document: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    if not complaint(parse_mapping, document):
        jsonschema.validate(document, schema(), jsonschema.Draft7Validator)
