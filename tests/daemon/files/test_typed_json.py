"""JSON as types: what is taken, and what is said of the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from mula_bridge.errors import BadInput
from mula_daemon.files.typed_json import Number, Positive, Whole, parse_json, read_json, typed


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Point(Struct, frozen=True, forbid_unknown_fields=True):
    x: Number
    y: Number = 0.0


@dataclass(frozen=True)
class Loose:
    """As other packages have them: what it does not know it does not mind."""

    name: str = ""


class Drawing(Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    colour: Colour = Colour.RED
    size: Positive = 1.0
    count: Whole = 1
    shown: bool = True
    words: tuple[str, ...] = ()
    centre: Point | None = None
    points: Mapping[str, Point] = {}
    mixed: Mapping[str, Whole | Number | str] = {}
    loose: Mapping[str, Loose] = {}
    version: Literal[1] = 1
    rule: Annotated[str, Meta(pattern="^a*$", extra={"words": "nothing but a"})] = ""
    later: tuple[str, ...] | UnsetType = UNSET


def read(**fields: Any) -> Drawing:
    return typed(parse_json(json.dumps({"title": "", **fields}), "a.json"), Drawing, "a.json")


def test_what_fits_is_taken() -> None:
    read_ = read(colour="blue", size=2, centre={"x": 1}, points={"a": {"x": 1.5, "y": -1}})
    assert read_ == Drawing("", Colour.BLUE, 2.0, centre=Point(1.0), points={"a": Point(1.5, -1.0)})
    assert isinstance(read_.size, float)


def test_numbers_keep_their_kind_where_both_are_possible() -> None:
    mixed = read(mixed={"a": 1, "b": 1.0, "c": "1"}).mixed
    assert [type(value) for value in mixed.values()] == [int, float, str]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"title": 3}, "field title must be a text, not 3"),
        ({"titel": ""}, "unknown field titel; did you mean title?"),
        ({"zzz": ""}, "unknown field zzz$"),
        ({"colour": "green"}, "field colour must be one of red, blue, not 'green'"),
        ({"size": 0}, "field size must be a finite number above 0, not 0"),
        ({"size": float("nan")}, "field size must be a finite number above 0, not nan"),
        ({"size": 10**400}, r"field size must be a finite number above 0, not 1000.*\.\.\.$"),
        ({"size": True}, "field size must be a finite number above 0, not True"),
        ({"count": 1.5}, "field count must be a whole number, not 1.5"),
        ({"count": 2**63}, "field count must be a whole number, not"),
        ({"shown": 1}, "field shown must be true or false, not 1"),
        ({"words": "a"}, "field words must be a list of texts, not 'a'"),
        ({"words": ["a", 1]}, r"field words must be a list of texts, not \['a', 1\]"),
        ({"later": None}, "field later must be a list of texts, not None"),
        ({"centre": 3}, "field centre must be an object, not 3"),
        ({"centre": {}}, "field centre.x is missing"),
        ({"centre": {"x": 1, "Y": 1}}, "unknown field centre.Y"),
        ({"points": {"a": {"x": 1}, "b": {"x": ""}}}, "field points.b.x must be a finite number"),
        ({"points": {"a": {"x": 1}, "b": None}}, "field points.b must be an object, not None"),
        ({"mixed": {"a": None}}, "mixed.a must be a whole number or a finite number or a text"),
        ({"mixed": {"a": float("inf")}}, "mixed.a must be .* a finite number .*, not inf"),
        ({"loose": {"a": {"name": 1}}}, "field loose.a.name must be a text, not 1"),
        ({"version": 2}, "field version must be 1, not 2"),
        ({"rule": "ab"}, "field rule must be nothing but a, not 'ab'"),
    ],
)
def test_what_does_not_is_said_with_file_field_and_how_it_should_be(
    fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadInput, match=rf"^a\.json: .*{words}"):
        read(**fields)


def test_a_type_that_minds_no_unknown_fields_minds_none() -> None:
    assert read(loose={"a": {"name": "n", "more": 1}}).loose == {"a": Loose("n")}


@pytest.mark.parametrize("content", [[], 3, None, "text"])
def test_what_is_no_object_is_said_so(content: object) -> None:
    with pytest.raises(BadInput, match=r"^a\.json: the file must be a JSON object$"):
        typed(content, Drawing, "a.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
POINT = st.dictionaries(st.sampled_from(["x", "y", "z"]), JSON)
FIELDS = st.sampled_from([*Drawing.__struct_fields__, "unknown"])


@given(st.dictionaries(FIELDS, JSON | POINT | st.dictionaries(st.text(max_size=3), POINT)))
def test_nothing_but_a_plain_error_with_a_place_comes_of_any_json(content: Any) -> None:
    try:
        found = typed(parse_json(json.dumps(content), "a.json"), Drawing, "a.json")
    except BadInput as error:
        assert str(error).startswith("a.json: ")
        assert "must be another" not in str(error)
    else:
        assert isinstance(found, Drawing)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "1" * 5000, '{"a": "\ud800"'])
def test_what_is_no_json_is_said_so(text: str) -> None:
    with pytest.raises(BadInput, match=r"^a\.json: not JSON: "):
        parse_json(text, "a.json")


@pytest.mark.parametrize("text", ['{"title": "\\ud83d"}', '{"\\uDC00": 1}', '["\\ud83d\\ud83d"]'])
def test_half_of_a_surrogate_pair_is_an_error_and_no_crash(text: str) -> None:
    with pytest.raises(BadInput, match=r"^a\.json: .*surrogates not allowed"):
        parse_json(text, "a.json")


def test_escapes_of_whole_characters_are_read() -> None:
    assert parse_json('"\\ud83d\\ude00 \\u017elu\\u0165"', "a.json") == "😀 žluť"


def test_a_byte_order_mark_at_the_head_of_a_file_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"x": 1}', encoding="utf-8-sig")
    assert read_json(path, Point) == Point(1.0)


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{"x": "\xff"}')
    with pytest.raises(BadInput, match=r"a\.json: not UTF-8"):
        read_json(path, Point)


def test_a_file_that_is_not_there_is_left_to_the_caller(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "a.json", Point)
