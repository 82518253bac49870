"""The door for texts and names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.texts import MAX_NAME, MAX_TEXT, checked_name, checked_text, legible
from mula_bridge.errors import BadInput
from mula_bridge.osc.wire import decode, encode

UNFIT = {
    "half an emoji": ("la \ud83d", "half of a character (U+D83D) at character 4"),
    "a foreign byte": ("caf\udce9", "a byte that is no UTF-8 (E9) at character 4"),
    "nul": ("la\0la", "the control sign U+0000 at character 3"),
    "escape": ("\x1b[31m", "the control sign U+001B at character 1"),
    "c1": ("a\x85", "the control sign U+0085 at character 2"),
    "too long": ("x" * (MAX_TEXT + 1), f"at most {MAX_TEXT}"),
}


@pytest.mark.parametrize(("text", "words"), UNFIT.values(), ids=UNFIT)
def test_what_cannot_be_written_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(BadInput) as told:
        checked_text(text, "the text of the lyrics")
    assert str(told.value).startswith("the text of the lyrics has")
    assert words in str(told.value)
    str(told.value).encode()


@pytest.mark.parametrize("text", ["", "la\r\n\tla", "夜の街", "🎹", "e\u0301", "x" * MAX_TEXT])
def test_what_musicians_write_is_taken_as_it_is(text: str) -> None:
    assert checked_text(text) == text


JUNK = {
    "path": "../../x",
    "slash": "a/b",
    "backslash": "a\\b",
    "drive": "C:evil",
    "dots": "..",
    "long": "x" * 5000,
    "one too long": "x" * (MAX_NAME + 1),
    "empty": "",
    "blank": "   ",
    "line end": "a\nb",
    "nul": "a\0",
    "surrogate": "a\ud83d",
    "invisible": "a\u200b",
    "right to left": "\u202eevil",
}


@pytest.mark.parametrize("name", JUNK.values(), ids=JUNK)
def test_junk_is_no_name(name: str) -> None:
    with pytest.raises(BadInput, match="a preset's name has 1 to 64") as told:
        checked_name(name, "a preset's name")
    assert len(str(told.value).encode()) < 300


@pytest.mark.parametrize("name", ["mine", " mine ", "R&B: slow", "夜の街", "v1.2", "x" * MAX_NAME])
def test_other_names_are_taken_without_the_blanks_around_them(name: str) -> None:
    assert checked_name(name, "a name") == name.strip()


@given(st.text(st.characters(exclude_categories=()) | st.sampled_from("\0\ud83d\udce9")))
def test_whatever_is_legible_can_be_told(text: str) -> None:
    told = legible(text)
    assert decode(encode("/told", (told,)))[0].args == (told,)
    if "\0" not in text and text.isascii():
        assert told == text
