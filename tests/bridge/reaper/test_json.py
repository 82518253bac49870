"""The scripts' JSON against Python's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lupa.lua54
from hypothesis import given
from hypothesis import strategies as st

LIB = Path(__file__).parents[3] / "bridge" / "reaper" / "Mula" / "lib"
_LUA = lupa.lua54.LuaRuntime(unpack_returned_tuples=True, encoding="utf-8")
_JSON = _LUA.execute((LIB / "json.lua").read_text())

# Lua's tables hold no null, and know an empty object from an empty list only by its maker.
VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, min_size=1)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, min_size=1)
    ),
    max_leaves=12,
)


def python(value: Any) -> Any:
    if lupa.lua54.lua_type(value) != "table":
        return value
    keys = list(value.keys())
    if keys and all(isinstance(key, int) for key in keys):
        return [python(value[index]) for index in range(1, len(keys) + 1)]
    return {key: python(value[key]) for key in keys}


@given(VALUES, st.booleans())
def test_what_python_writes_is_read_and_written_back_the_same(value: Any, ascii_only: bool) -> None:
    read = _JSON.decode(json.dumps(value, ensure_ascii=ascii_only))
    assert python(read) == value
    assert json.loads(_JSON.encode(read)) == value


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_breaks_the_reader(text: str) -> None:
    result = _JSON.decode(text)
    try:
        good = json.loads(text)
    except ValueError:
        return  # some of what Python refuses, such as 01, may pass here; it must only not raise
    # Lua's whole numbers end at 64 bits; beyond, they become floats as in JavaScript.
    if isinstance(good, str | bool) or (isinstance(good, int) and abs(good) <= 2**53):
        assert result == good


def test_nulls_become_nothing_and_an_empty_list_stays_a_list() -> None:
    assert _JSON.encode(_JSON.decode('{"a": null, "b": []}')) == '{"b":[]}'


def test_errors_say_where() -> None:
    assert _JSON.decode('{"a": ') == (None, "a value expected at character 7")
    assert _JSON.decode("[1] x") == (None, "more text at character 5")
