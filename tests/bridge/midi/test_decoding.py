"""Bytes to events: what each message means, and that garbage means nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.midi.decoding import Event, EventKind, describe, parse

SEVEN_BITS = st.integers(0, 127)


@pytest.mark.parametrize(
    ("data", "event"),
    [
        ([0xB0, 16, 64], Event(EventKind.CC, 1, 16, 64)),
        ([0xBF, 127, 127], Event(EventKind.CC, 16, 127, 127)),
        ([0x90, 36, 100], Event(EventKind.NOTE, 1, 36, 100)),
        ([0x99, 36, 0], Event(EventKind.NOTE, 10, 36, 0)),
        ([0x80, 36, 64], Event(EventKind.NOTE, 1, 36, 0)),
        ([0xC4, 9], Event(EventKind.PROGRAM_CHANGE, 5, 9, 9)),
        ([0xE0, 0, 64], Event(EventKind.PITCH_BEND, 1, 0, 8192)),
        ([0xE0, 127, 127], Event(EventKind.PITCH_BEND, 1, 0, 16383)),
        ([0xF8], Event(EventKind.CLOCK, 0, 0, 0)),
        ([0xFA], Event(EventKind.START, 0, 0, 0)),
        ([0xFB], Event(EventKind.CONTINUE, 0, 0, 0)),
        ([0xFC], Event(EventKind.STOP, 0, 0, 0)),
        ([0xF2, 1, 2], Event(EventKind.SONG_POSITION, 0, 0, 257)),
    ],
)
def test_each_message_is_understood(data: list[int], event: Event) -> None:
    assert parse(data) == event
    assert parse(bytes(data)) == event


@pytest.mark.parametrize(
    "data",
    [
        [],
        [0xB0],
        [0xB0, 16],
        [0xB0, 16, 64, 0],
        [0xB0, 200, 1],
        [16, 64, 1],
        [0xA0, 60, 10],
        [0xD0, 10],
        [0xFE],
        [0xF0, 1, 0xF7],
    ],
)
def test_other_bytes_mean_nothing(data: list[int]) -> None:
    assert parse(data) is None


@given(st.binary(max_size=8))
def test_no_bytes_raise(data: bytes) -> None:
    event = parse(data)
    assert event is None or (0 <= event.channel <= 16 and 0 <= event.value <= 16383)


@given(st.integers(0, 15), SEVEN_BITS, SEVEN_BITS)
def test_a_control_change_keeps_all_it_says(channel: int, number: int, value: int) -> None:
    assert parse(bytes((0xB0 | channel, number, value))) == Event(
        EventKind.CC, channel + 1, number, value
    )


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ([0xB0, 16, 64], "cc 16 channel 1 = 64"),
        ([0xC4, 9], "program change 9 channel 5"),
        ([0xE1, 0, 64], "pitch bend channel 2 = 8192"),
        ([0xFA], "start"),
        ([0xF2, 4, 0], "song position = 4"),
    ],
)
def test_an_event_in_words(data: list[int], text: str) -> None:
    event = parse(data)
    assert event is not None
    assert describe(event) == text
