from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from mula_bridge.control.messages.states import Status
from mula_bridge.errors import BadInput
from mula_daemon.beats.fit import Fit
from mula_daemon.clips.recipe import (
    RARE,
    SCHEMA,
    TEXTS,
    MadeBy,
    Parent,
    Performance,
    Recipe,
    from_json,
    to_json,
    utc_now,
)

RECIPE = Recipe(
    id="abc123",
    job="job1",
    take=0,
    created="2025-06-01T12:00:00.000Z",
    engine=MadeBy("mini", "1", "mini.safetensors", "ab" * 32),
    tags=("dark", "techno"),
    tags_b=(),
    lyrics="",
    seed=42,
    bpm=128.0,
    bars=4,
    meter="4/4",
    key="Amin",
    seconds=7.5,
    sample_rate=48000,
    peak_dbfs=-1.5,
    loudness_lufs=-14.0,
    warnings=(),
    parent=None,
    knobs=Performance({"cfg": 3.0, "top_k": 50, "key": "Amin"}, ((3, "cfg", 3.5),)),
    codes="a.npz",
    stems={},
    midi=None,
    status=Status.NEW,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
wholes = st.integers(0, 2**31)
levels = st.none() | numbers
names = st.none() | st.text()
positive = st.floats(1e-3, 1e6)
texts = st.lists(st.text()).map(tuple)
recipes = st.builds(
    Recipe,
    id=st.text(),
    job=st.text(),
    take=wholes,
    created=st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    engine=st.builds(MadeBy, st.text(), st.text(), st.text(), st.text(), st.text()),
    tags=texts,
    tags_b=texts,
    lyrics=st.text(),
    seed=wholes,
    bpm=positive,
    bars=wholes,
    meter=st.text(),
    key=st.text(),
    seconds=positive,
    sample_rate=wholes,
    peak_dbfs=levels,
    loudness_lufs=levels,
    warnings=texts,
    parent=st.none() | st.builds(Parent, st.text(), wholes),
    knobs=st.builds(
        Performance,
        st.dictionaries(st.text(), st.text() | wholes | numbers),
        st.lists(
            st.tuples(wholes, st.text().filter(lambda name: name not in TEXTS), numbers | wholes)
            | st.tuples(wholes, st.sampled_from(sorted(TEXTS)), st.text())
        ).map(tuple),
    ),
    codes=names,
    stems=st.dictionaries(st.text(), st.text()),
    midi=names,
    status=st.sampled_from(Status),
    favourite=st.booleans(),
    fit=st.none()
    | st.builds(
        Fit,
        positive,
        wholes,
        wholes,
        st.none() | positive,
        numbers,
        numbers,
        numbers,
        numbers,
        numbers,
        st.booleans(),
        st.text(),
    ),
    silent_from=levels,
    silent_until=levels,
)


@given(recipes)
def test_a_recipe_comes_back_from_json_as_it_went(recipe: Recipe) -> None:
    text = to_json(recipe)
    assert from_json(text, "a.json") == recipe
    assert to_json(from_json(text, "a.json")) == text


SIDECAR = """\
{
  "schema": 1,
  "id": "abc123",
  "job": "job1",
  "take": 0,
  "created": "2025-06-01T12:00:00.000Z",
  "engine": {"name": "mini", "version": "1", "checkpoint": "m", "sha256": "ab", "kit": ""},
  "tags": ["dark", "žluťoučký"],
  "tags_b": [],
  "lyrics": "one\\n\\"two\\"",
  "seed": 42,
  "bpm": 128.0,
  "bars": 4,
  "meter": "4/4",
  "key": "Amin",
  "seconds": 1e-05,
  "sample_rate": 48000,
  "peak_dbfs": -1e+16,
  "loudness_lufs": null,
  "warnings": ["clipped"],
  "parent": {"id": "zzz999", "frame": 12},
  "knobs": {"initial": {"cfg": 3.0, "top_k": 50, "key": "Amin"}, "timeline": [[3, "cfg", 3.5], \
[4, "top_k", 20], [5, "tags", "dark"]]},
  "codes": "a.npz",
  "stems": {"kick": "stems/a_kick.wav"},
  "midi": null,
  "status": "kept",
  "favourite": true,
  "fit": {"asked_bpm": 120.0, "asked_bars": 4, "spare_bars": 1, "bpm": null, "drift_ms": 0.0, \
"most_drift_ms": 0.0, "steadiness": 0.0, "start_s": 0.0, "fade_ms": 0.0, "trimmed": false, \
"problem": "no beat was found"}
}
"""
"""As the first version with all of these fields wrote it."""


def test_a_sidecar_of_old_is_written_again_letter_for_letter() -> None:
    assert to_json(from_json(SIDECAR, "a.json")) == SIDECAR


def test_an_editors_byte_order_mark_is_no_part_of_a_sidecar() -> None:
    assert from_json(f"\ufeff{SIDECAR}", "a.json") == from_json(SIDECAR, "a.json")


def test_half_a_character_is_refused_before_it_cannot_be_written() -> None:
    text = SIDECAR.replace('"dark", "', '"\\ud83d", "')
    with pytest.raises(BadInput, match=r"^a\.json: "):
        from_json(text, "a.json")


def test_the_sidecar_has_one_field_a_line_and_the_schema_first() -> None:
    lines = to_json(RECIPE).splitlines()
    assert lines[1] == f'  "schema": {SCHEMA},'
    assert len(lines) == 3 + len(structs.fields(Recipe)) - len(RARE)
    silent = structs.replace(RECIPE, silent_from=3.5, silent_until=7.5)
    assert '  "silent_from": 3.5,' in to_json(silent).splitlines()


def test_now_is_utc_to_the_millisecond() -> None:
    text = to_json(structs.replace(RECIPE, created=utc_now()))
    assert from_json(text, "a.json").created.endswith("Z")


def without(name: str) -> dict[str, Any]:
    fields = json.loads(to_json(RECIPE))
    fields.pop(name, None)
    return fields


LATER = ("favourite", "fit", *RARE)
"""Fields that the first sidecars did not have."""


@pytest.mark.parametrize(
    "name",
    ["schema", *(row.name for row in structs.fields(Recipe) if row.name not in LATER)],
)
def test_every_field_is_missed_by_name(name: str) -> None:
    with pytest.raises(BadInput, match=rf"clip\.json: field {name} is missing"):
        from_json(json.dumps(without(name)), "clip.json")


def test_a_sidecar_from_before_a_field_is_read_all_the_same() -> None:
    for name in LATER:
        assert from_json(json.dumps(without(name)), "clip.json") == RECIPE


def test_a_sidecar_from_before_kits_were_noted_has_the_engines_own_sounds() -> None:
    content = json.loads(to_json(RECIPE))
    del content["engine"]["kit"]
    assert from_json(json.dumps(content), "clip.json").engine.kit == ""


WRONG = [
    ("favourite", 1),
    ("bpm", "fast"),
    ("bpm", 0),
    ("bpm", True),
    ("bpm", 10**400),
    ("bars", 1.5),
    ("tags", "techno"),
    ("tags", ["techno", 1]),
    ("created", "yesterday"),
    ("created", "2025-06-01T12:00:00"),
    ("created", "2025-06-01T12:00:00+02:00"),
    ("status", "lost"),
    ("peak_dbfs", "loud"),
    ("engine", []),
    ("engine.name", 3),
    ("parent", {"id": "a"}),
    ("knobs.timeline", [[1, "cfg"]]),
    ("knobs.timeline", [["1", "cfg", 2.0]]),
    ("knobs.timeline", [[1, "cfg", "dark"]]),
    ("knobs.timeline", [[1, "tags", 2.0]]),
    ("knobs.initial.cfg", None),
    ("knobs.initial.cfg", True),
    ("stems.kick", 1),
    ("schema", 0),
]


@pytest.mark.parametrize(("path", "value"), WRONG)
def test_a_wrong_value_is_answered_with_file_and_field(path: str, value: object) -> None:
    fields = json.loads(to_json(RECIPE))
    *outer, name = path.split(".")
    target = fields
    for step in outer:
        target = target[step]
    target[name] = value
    with pytest.raises(BadInput, match=rf"clip\.json: .*{path}"):
        from_json(json.dumps(fields), "clip.json")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_refused(literal: str) -> None:
    text = to_json(RECIPE).replace('"bpm": 128.0', f'"bpm": {literal}')
    with pytest.raises(BadInput, match="field bpm must be a finite number"):
        from_json(text, "clip.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000])
def test_what_is_no_json_object_is_said_so(text: str) -> None:
    with pytest.raises(BadInput, match=r"clip\.json: .*JSON"):
        from_json(text, "clip.json")


def test_a_newer_schema_says_to_update() -> None:
    fields = {**json.loads(to_json(RECIPE)), "schema": SCHEMA + 1, "future": {}}
    with pytest.raises(BadInput, match=r"clip\.json: schema 2 .*newer.*update"):
        from_json(json.dumps(fields), "clip.json")


def test_an_unknown_field_is_named_with_the_nearest() -> None:
    fields = {**json.loads(to_json(RECIPE)), "lyric": ""}
    with pytest.raises(BadInput, match="unknown field lyric; did you mean lyrics"):
        from_json(json.dumps(fields), "clip.json")
