"""Bytes to events: what each message means, 14-bit pairs, NRPN and RPN; garbage means nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.midi.decoding import Decoder, Event, EventKind, Order, describe, parse

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
        ([0xD4, 9], Event(EventKind.PRESSURE, 5, 0, 9)),
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
        ([0xD4, 9], "pressure channel 5 = 9"),
        ([0xE1, 0, 64], "pitch bend channel 2 = 8192"),
        ([0xFA], "start"),
        ([0xF2, 4, 0], "song position = 4"),
    ],
)
def test_an_event_in_words(data: list[int], text: str) -> None:
    event = parse(data)
    assert event is not None
    assert describe(event) == text


# --- 14-bit pairs, NRPN and RPN, as one port sends them ---------------------------------------

FINE = st.integers(0, 16383)


def values(decoder: Decoder, kind: EventKind, *messages: tuple[int, int]) -> list[int]:
    """The values of ``kind`` that control changes (number, value) on channel 1 make."""
    return [
        event.value
        for number, value in messages
        for event in decoder.decode((0xB0, number, value))
        if event.kind is kind
    ]


def test_the_coarse_half_counts_at_once_and_the_fine_one_refines() -> None:
    decoder = Decoder({(1, 1): Order.MSB_FIRST})
    assert values(decoder, EventKind.CC14, (1, 64), (33, 5)) == [64 << 7, 64 << 7 | 5]


def test_a_fine_half_alone_refines_the_coarse_one_before() -> None:
    decoder = Decoder({(1, 1): Order.MSB_FIRST})
    assert values(decoder, EventKind.CC14, (1, 64), (33, 5), (33, 6)) == [8192, 8197, 8198]


def test_a_fine_half_before_any_coarse_one_says_nothing() -> None:
    assert values(Decoder({(1, 1): Order.MSB_FIRST}), EventKind.CC14, (33, 5)) == []


def test_fine_first_waits_for_the_coarse_half() -> None:
    decoder = Decoder({(1, 1): Order.LSB_FIRST})
    assert values(decoder, EventKind.CC14, (33, 5), (1, 64), (33, 6), (1, 64)) == [8197, 8198]


def test_pairs_are_kept_apart_by_channel() -> None:
    decoder = Decoder({(1, 1): Order.MSB_FIRST, (2, 1): Order.MSB_FIRST})
    decoder.decode((0xB0, 1, 64))
    joined = [e for e in decoder.decode((0xB1, 33, 5)) if e.kind is EventKind.CC14]
    assert joined == []


def test_only_mapped_pairs_are_joined() -> None:
    assert values(Decoder(), EventKind.CC14, (1, 64), (33, 5)) == []


def test_the_halves_stay_plain_control_changes_too() -> None:
    assert values(Decoder({(1, 1): Order.MSB_FIRST}), EventKind.CC, (1, 64), (33, 5)) == [64, 5]


@given(st.lists(FINE, min_size=1))
def test_every_14_bit_value_arrives_in_either_order(sent: list[int]) -> None:
    coarse_first = Decoder({(1, 1): Order.MSB_FIRST})
    fine_first = Decoder({(1, 1): Order.LSB_FIRST})
    for value in sent:
        coarse, fine = (1, value >> 7), (33, value & 0x7F)
        assert values(coarse_first, EventKind.CC14, coarse, fine)[-1] == value
        assert values(fine_first, EventKind.CC14, fine, coarse) == [value]


def test_nrpn_coarse_first() -> None:
    decoder = Decoder()
    got = values(decoder, EventKind.NRPN, (99, 2), (98, 44), (6, 64), (38, 5))
    assert got == [8192, 8197]
    events = decoder.decode((0xB0, 38, 6))
    assert [(e.kind, e.number) for e in events] == [(EventKind.CC, 38), (EventKind.NRPN, 300)]


def test_nrpn_fine_first() -> None:
    got = values(Decoder(), EventKind.NRPN, (98, 44), (99, 2), (38, 5), (6, 64), (38, 7), (6, 65))
    assert got == [8197, 65 << 7 | 7]


def test_rpn_is_not_nrpn() -> None:
    decoder = Decoder()
    assert values(decoder, EventKind.NRPN, (101, 0), (100, 2), (6, 64)) == []
    assert values(decoder, EventKind.RPN, (6, 64)) == [8192]


def test_the_null_parameter_and_no_parameter_take_no_data() -> None:
    decoder = Decoder()
    assert values(decoder, EventKind.NRPN, (6, 64)) == []
    assert values(decoder, EventKind.NRPN, (99, 2), (6, 64)) == []
    assert values(decoder, EventKind.RPN, (101, 127), (100, 127), (6, 64)) == []


@given(FINE, FINE, st.booleans(), st.booleans())
def test_every_parameter_and_value_arrives(
    number: int, value: int, select_fine_first: bool, data_fine_first: bool
) -> None:
    if number == 16383:
        return  # the null parameter
    select = [(99, number >> 7), (98, number & 0x7F)]
    data = [(6, value >> 7), (38, value & 0x7F)]
    messages = select[::-1] if select_fine_first else select
    messages = messages + (data[::-1] if data_fine_first else data)
    decoder = Decoder()
    events = [e for m in messages for e in decoder.decode((0xB0, *m)) if e.kind is EventKind.NRPN]
    assert (events[-1].number, events[-1].value) == (number, value)


@given(st.lists(st.binary(max_size=4), max_size=50))
def test_no_sequence_raises(messages: list[bytes]) -> None:
    decoder = Decoder({(channel, 1): Order.MSB_FIRST for channel in range(1, 17)})
    for data in messages:
        decoder.decode(data)


STATUS = st.integers(0xB0, 0xBF)
TALK = st.sampled_from([1, 6, 33, 38, 98, 99, 100, 101])


@given(st.lists(st.tuples(STATUS, TALK, st.integers(0, 127)), max_size=60))
def test_no_sequence_of_halves_leaves_the_range(messages: list[tuple[int, int, int]]) -> None:
    decoder = Decoder({(channel, 1): Order.LSB_FIRST for channel in range(1, 17)})
    for data in messages:
        for event in decoder.decode(data):
            top = 127 if event.kind is EventKind.CC else 16383
            assert 0 <= event.value <= top
