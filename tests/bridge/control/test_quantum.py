from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.quantum import MAX_BARS, parse_quantum, quantum_text
from mula_bridge.errors import BadInput


@pytest.mark.parametrize(
    ("text", "beats"),
    [
        ("off", 0),
        ("beat", 1),
        ("3beats", 3),
        ("bar", 4),
        ("1bar", 4),
        ("2 bars", 8),
        ("64Bars", 256),
    ],
)
def test_quanta_in_words(text: str, beats: int) -> None:
    assert parse_quantum(text) == beats


@pytest.mark.parametrize("text", ["", "1", "0bars", "65bars", "-1bar", "half", "1.5bars", "1barr"])
def test_anything_else_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(BadInput, match=r"off, beat, bar, 2bars"):
        parse_quantum(text)


@given(st.integers(0, MAX_BARS * 4))
def test_what_is_written_is_read(beats: int) -> None:
    assert parse_quantum(quantum_text(beats)) == beats
