"""What a request file may say, and what is said of a wrong one."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.knobs import KNOBS, Knob
from mula_bridge.control.messages.commands import Cancel, Generate, LoadPreset, SetKnob
from mula_bridge.errors import BadInput
from mula_daemon.requests.file import Request, read_request, schema


def read(**fields: object) -> Request:
    return read_request(json.dumps({"version": 1, **fields}), "ask.json")


def test_a_generate_brings_its_own_prompt_and_length() -> None:
    request = read(
        do="generate", id="r-1", tags=["techno"], lyrics="", knobs={"bars": 8, "bpm": 90}
    )
    assert request == Request(
        "r-1", (Generate("r-1", {"bars": 8, "bpm": 90.0}, ("techno",), None, ""),)
    )


def test_knobs_that_steer_are_turned_before_the_job_begins() -> None:
    request = read(do="generate", knobs={"cfg": 3, "takes": 2, "gain_db": -6})
    assert request.commands == (
        SetKnob("cfg", 3.0),
        SetKnob("gain_db", -6.0),
        Generate(None, {"takes": 2}),
    )


def test_a_whole_number_may_be_written_with_a_point() -> None:
    (generate,) = read(do="generate", knobs={"bars": 8.0}).commands
    assert isinstance(generate, Generate)
    assert repr(generate.overrides) == "{'bars': 8}"


def test_no_id_and_an_empty_one_want_no_answer() -> None:
    assert read(do="cancel") == read(do="cancel", id="") == Request("", (Cancel(),))
    jsonschema.validate({"version": 1, "do": "cancel", "id": ""}, schema())


def test_an_editors_byte_order_mark_is_no_part_of_a_request() -> None:
    text = "\ufeff" + json.dumps({"version": 1, "do": "cancel"})
    assert read_request(text, "ask.json").commands == (Cancel(),)


def test_any_action_of_the_table_can_be_asked_for() -> None:
    assert read(do="cancel").commands == (Cancel(),)
    assert read(do="preset.load 2").commands == (LoadPreset(2),)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"do": "genrate"}, "did you mean generate"),
        ({"do": "generate", "knobs": {"cgf": 1}}, "did you mean cfg"),
        ({"do": "generate", "knobs": {"bpm": "fast"}}, r"knobs\.bpm"),
        ({"do": "generate", "knobs": {"bpm": 500}}, r"knobs\.bpm must be a number from 40 to 240"),
        ({"do": "generate", "knobs": {"bars": 1.5}}, r"knobs\.bars must be a whole number"),
        (
            {"do": "generate", "knobs": {"key": "H"}},
            r"knobs\.key: unknown key .H.; write it as in C",
        ),
        ({"do": "generate", "tags": "techno"}, "tags must be a list of texts"),
        ({"do": "generate", "id": "../x"}, "id must be 1 to 64 letters"),
        ({"do": "generate", "id": "x\n"}, "id must be 1 to 64 letters"),
        ({"do": "generate", "tags": ["\ud800"]}, "not JSON"),
        ({"do": "generate", "tags": None}, "tags must be a list of texts"),
        ({"do": "generate", "knobs": {"bars": 65}}, "bars must be a whole number from 1 to 64"),
        ({"do": "generate", "knobs": {"cfg": 10**400}}, r"knobs\.cfg must be a number from 0 to 7"),
        ({"do": "generate", "tgas": []}, "did you mean tags"),
        ({"do": "cancel", "tags": []}, "tags only goes with do: generate"),
        ({"do": "generate", "version": 2}, "version 2"),
        ({}, "field do is missing"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_field(
    fields: dict[str, object], words: str
) -> None:
    with pytest.raises(BadInput, match=rf"^ask\.json: .*{words}"):
        read(**fields)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KNOB = st.dictionaries(st.sampled_from(["bpm", "bars", "key", "cfg"]), JSON | st.integers(0, 300))
FIELD = st.sampled_from(["version", "do", "id", "tags", "tags_b", "lyrics", "knobs", "x"])


@given(st.dictionaries(FIELD, JSON | KNOB | st.just("generate") | st.just(1)))
def test_the_schema_and_the_reader_refuse_alike(content: dict[str, object]) -> None:
    """What the reader takes fits the schema; nothing but BadInput comes out of the reader."""
    try:
        read_request(json.dumps(content), "any.json")
    except BadInput:
        return
    jsonschema.validate(content, schema())


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_no_text_gets_anything_but_a_plain_error(text: str) -> None:
    with pytest.raises(BadInput, match=r"^any\.json: "):
        read_request(text, "any.json")


def test_the_schema_in_the_repository_is_the_one_of_the_tables() -> None:
    kept = Path(__file__).parents[3] / "bridge" / "reaper" / "request.schema.json"
    assert json.loads(kept.read_text()) == schema(), "write it again: make docs"


@pytest.mark.parametrize("row", KNOBS.values(), ids=KNOBS)
def test_the_schema_tells_editors_of_each_knob_what_the_table_says(row: Knob) -> None:
    fields = schema()["$defs"]["AskedKnobs"]["properties"][row.name]
    assert fields["description"] == row.description
    if row.choices:
        assert set(fields["examples"]) == set(row.choices)
    else:
        assert (fields["minimum"], fields["maximum"]) == (row.minimum, row.maximum)
        assert (fields["type"], fields.get("multipleOf")) == ("number", 1 if row.integer else None)
