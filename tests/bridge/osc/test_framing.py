"""Packets in a stream, however it is cut."""

from __future__ import annotations

from collections.abc import Callable
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.osc.framing import Framing, FramingError, LengthPrefixed, Slip, detect

packets = st.lists(st.binary(min_size=1, max_size=200), max_size=8)


def fed(framing: Framing, stream: bytes, cuts: list[int]) -> list[bytes]:
    found, at = [], 0
    for cut in sorted(cut % (len(stream) + 1) for cut in cuts):
        found += framing.feed(stream[at:cut])
        at = cut
    return found + framing.feed(stream[at:])


@pytest.mark.parametrize("make", [LengthPrefixed, Slip])
@given(sent=packets, cuts=st.lists(st.integers(0, 2000), max_size=10))
def test_packets_come_through_however_the_stream_is_cut(
    make: Callable[[], Framing], sent: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(make().frame(packet) for packet in sent)
    assert fed(make(), stream, cuts) == sent


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=4))
def test_any_bytes_are_packets_or_a_framing_error(data: bytes, cuts: list[int]) -> None:
    for make in (LengthPrefixed, Slip):
        try:
            assert all(fed(make(limit=100), data, cuts))
        except FramingError:
            continue


def test_slip_takes_a_single_end_and_escapes() -> None:
    assert Slip().feed(b"/a\xdb\xdd\xdc\xc0\xc0\xc0/b\xdb\xdc\xc0") == [b"/a\xdb\xdc", b"/b\xc0"]
    assert Slip().frame(b"\xc0\xdb") == b"\xc0\xdb\xdc\xdb\xdd\xc0"


@pytest.mark.parametrize(
    ("make", "stream"),
    [
        (LengthPrefixed, pack(">i", -1)),
        (LengthPrefixed, pack(">i", 65_508)),
        (Slip, b"\xc0" + bytes(200_000)),
        (Slip, b"\xc0" + bytes(65_508) + b"\xc0"),
    ],
)
def test_streams_without_sense_or_bounds_are_refused(
    make: Callable[[], Framing], stream: bytes
) -> None:
    with pytest.raises(FramingError):
        make().feed(stream)


def test_an_escape_without_its_second_half_spoils_its_own_packet_only() -> None:
    stream = b"\xc0/a\xdbb\xc0\xc0/c\xdb\xdd\xc0"
    assert Slip().feed(stream) == [b"/a\xdbb", b"/c\xdb"]


@pytest.mark.parametrize(
    ("make", "stream"),
    [
        (LengthPrefixed, pack(">i", 2) + b"/a" + pack(">i", -1)),
        (LengthPrefixed, pack(">i", 2) + b"/a" + pack(">i", 1 << 30)),
        (Slip, b"\xc0/a\xc0" + bytes(200_000)),
        (Slip, b"\xc0/a\xc0" + bytes(65_508) + b"\xc0"),
    ],
)
def test_what_came_before_a_stream_lost_its_sense_is_not_lost(
    make: Callable[[], Framing], stream: bytes
) -> None:
    with pytest.raises(FramingError) as told:
        make().feed(stream)
    assert told.value.packets == [b"/a"]


def test_the_first_byte_tells_the_framing() -> None:
    assert isinstance(detect(pack(">i", 16)), LengthPrefixed)
    for first in (b"\xc0", b"/mula", b"#bundle"):
        assert isinstance(detect(first), Slip)
    with pytest.raises(FramingError):
        detect(b"GET / HTTP/1.1")
