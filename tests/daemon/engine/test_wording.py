"""What looks alike is the same text to a model, and no sign that matters is lost."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.engine.wording import plain_tags, plain_text

PLAIN = "[verse]\nnight city light\n\n[chorus]\nagain"


@pytest.mark.parametrize(
    "typed",
    [
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\u2028"),
        f"\ufeff{PLAIN}",
        PLAIN.replace("night", "ni\u200bght").replace("city", "city\ufeff"),
        PLAIN.replace(" ", "\u00a0"),
        PLAIN.replace(" ", "\u3000"),
        PLAIN.replace(" ", "\u202f"),
        PLAIN.replace(" ", "\t"),
        PLAIN.replace("\n", "  \n") + " \t",
        PLAIN.replace("\n", "\u00a0\r\n"),
        PLAIN.replace("light", "l\u00adight\u2060\u200e"),
        PLAIN.replace("again", "a\u200dgain\u200d"),
        PLAIN.replace("again", "\x00again\x1b\ud83d"),
    ],
    ids=["crlf", "cr", "line separator", "bom", "no width", "no-break", "ideographic", "narrow",
         "tab", "trailing", "trailing no-break", "soft hyphen", "joiner in latin", "controls"],
)  # fmt: skip
def test_texts_that_look_alike_are_alike(typed: str) -> None:
    assert plain_text(typed) == PLAIN


@pytest.mark.parametrize(
    "text",
    [
        "Žluťoučký kůň, naïve façade",
        "夜の街\n雨",
        "می\u200cخواهم",  # Persian: without its joiner another spelling
        "क्\u200dष",  # Devanagari: another shape
        "👩\u200d🎤 ❤\ufe0f\u200d🔥",
        "  indented\n\n\nand apart",
    ],
    ids=["latin", "japanese", "persian", "devanagari", "emoji", "blanks"],
)
def test_signs_that_matter_stay(text: str) -> None:
    assert plain_text(text) == text


def test_letters_are_composed() -> None:
    assert plain_text(unicodedata.normalize("NFD", "café Žižkov 가")) == "café Žižkov 가"


@given(st.text())
def test_plain_text_stays_as_it_is(text: str) -> None:
    plain = plain_text(text)
    assert plain_text(plain) == plain
    assert plain == unicodedata.normalize("NFC", plain)
    assert not any(line.endswith(" ") for line in plain.split("\n"))
    plain.encode()


def test_tags_are_one_of_each_and_trimmed() -> None:
    typed = (" techno ", "dark, warm\u200b", "drum\u00a0and\nbass", "", "\ufeff")
    assert plain_tags(typed) == ("techno", "dark", "warm", "drum and bass")
