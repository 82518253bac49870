"""Datagrams that wait: the newest value of each knob, and everything else as it came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.osc.udp.backlog import PIECE, URGENT, Backlog
from mula_bridge.osc.udp.reading import Datagram
from mula_bridge.osc.wire import OscError, decode, encode
from mula_bridge.servers.udp import PING, SETTERS

ALICE, BOB = ("127.0.0.1", 1), ("127.0.0.1", 2)


def said(address: str, *args: float | str, by: tuple[str, int] = ALICE) -> Datagram:
    return encode(address, args), by, 0


def fed(*datagrams: Datagram) -> Backlog:
    backlog = Backlog(setters=SETTERS, urgent=PING)
    assert backlog.extend(datagrams) == []
    return backlog


def test_only_the_last_value_of_a_knob_waits() -> None:
    backlog = fed(*(said("/mula/knob/cfg", value / 100) for value in range(700)))
    assert backlog.take(9) == [said("/mula/knob/cfg", 6.99)]
    assert (backlog.replaced, len(backlog)) == (699, 0)


def test_senders_types_and_addresses_keep_a_value_each() -> None:
    sent = [
        said("/mula/knob/cfg", 1.0),
        said("/mula/knob/cfg", 2),
        said("/mula/norm/cfg", 0.5),
        said("/mula/knob/cfg", 3.0, by=BOB),
        said("/mula/knob/top_k", 4),
    ]
    assert fed(*sent).take(9) == sent


def test_a_newer_value_comes_after_what_was_set_before_it() -> None:
    """Or the macro that moves cfg would have the last word."""
    backlog = fed(
        said("/mula/knob/cfg", 1.0),
        said("/mula/knob/genre_strength", 0.5),
        said("/mula/knob/cfg", 3.0),
    )
    assert backlog.take(9) == [
        said("/mula/knob/genre_strength", 0.5),
        said("/mula/knob/cfg", 3.0),
    ]


def test_a_trigger_finds_the_knobs_of_its_moment() -> None:
    sent = [
        said("/mula/knob/cfg", 1.0),
        said("/mula/generate", "a"),
        said("/mula/knob/cfg", 2.0),
        said("/mula/generate", "b"),
    ]
    assert fed(*sent).take(9) == sent


def test_what_only_looks_like_a_knob_is_kept() -> None:
    sent = [
        said("/mula/knob/cfg"),
        said("/mula/knob/cfg", "x"),
        (encode("/mula/knob/cfg", (1.0,)) + bytes(4), ALICE, 0),
        (encode("/mula/knob/cfg", (1.0,))[:-4], ALICE, 0),
        said("/mula/knob/cfg/delta", 0.1),
        said("/mula/knob/cfg/delta", 0.1),
    ]
    assert fed(*sent).take(9) == sent


def test_pings_wait_for_nobody() -> None:
    backlog = Backlog(setters=SETTERS, urgent=PING)
    ping = said("/mula/ping", 7)
    assert backlog.extend([said("/mula/stop"), ping, said("/mula/stop")]) == [ping]
    assert len(backlog) == 2


def test_what_waits_is_bounded_and_room_comes_back() -> None:
    backlog = Backlog(1000, setters=SETTERS, urgent=PING)
    for _ in range(3):
        backlog.extend(said("/mula/stop") for _ in range(100))
        assert len(backlog.take(100)) == 12
    assert backlog.dropped == 3 * 88


DATAGRAMS = st.builds(
    said,
    st.sampled_from(["/mula/knob/cfg", "/mula/norm/cfg", "/mula/knob/top_k", "/mula/stop", "/x"]),
    st.floats(0, 7, width=32),
    by=st.sampled_from([ALICE, BOB]),
)


@given(st.lists(DATAGRAMS, max_size=60), st.integers(1, 9))
def test_every_trigger_comes_in_order_and_each_finds_the_last_values(
    sent: list[Datagram], batch: int
) -> None:
    backlog, got = fed(*sent), []
    while taken := backlog.take(batch):
        got += taken
    assert views(got) == views(sent)
    assert len(got) + backlog.replaced == len(sent)


def views(datagrams: list[Datagram]) -> list[tuple[bytes, dict[object, bytes]]]:
    """What each trigger finds set, and what is set at the end."""
    knobs: dict[object, bytes] = {}
    found = []
    for data, sender, _ in datagrams:
        if data.startswith((b"/mula/knob", b"/mula/norm")):
            knobs[data[:16], sender] = data
        else:
            found.append((data, dict(knobs)))
    return [*found, (b"", knobs)]


# --- what takes long ------------------------------------------------------------------------------


def bundle(*elements: bytes, tag: int = 1) -> bytes:
    parts = (len(one).to_bytes(4, "big") + one for one in elements)
    return b"#bundle\0" + tag.to_bytes(8, "big") + b"".join(parts)


def pieces(packet: bytes) -> list[bytes]:
    backlog = fed((packet, ALICE, 0))
    found = []
    while taken := backlog.take(32):
        found += [data for data, _, _ in taken]
        assert len(found) < 10_000
    return found


ELEMENTS = st.recursive(
    st.builds(
        lambda index, text: encode(f"/mula/knob/{index}", (text,)),
        st.integers(0, 99),
        st.text("ab /ä", max_size=40) | st.just("x" * (2 * PIECE)),
    ),
    lambda inner: st.builds(lambda some: bundle(*some), st.lists(inner, max_size=60)),
    max_leaves=200,
)


@given(st.lists(ELEMENTS, max_size=80).map(lambda some: bundle(*some, tag=1)))
def test_a_large_bundle_in_pieces_says_what_it_said(packet: bytes) -> None:
    wrong: list[OscError] = []  # nested too deep, perhaps
    told = [one for piece in pieces(packet) for one in decode(piece, wrong.append)]
    assert told == decode(packet, wrong.append)


def test_no_piece_is_longer_than_its_longest_message_makes_it() -> None:
    message = encode("/mula/knob/cfg", (1.0,))
    deep = bundle(*[message] * 500)
    for _ in range(5):
        deep = bundle(deep)
    for packet in (bundle(*[message] * 2000), deep):
        assert max(map(len, pieces(packet))) <= PIECE + 200
    assert len(pieces(bundle(encode("/mula/tags", ("x" * 5000,)), message))) == 2


def test_a_bundle_nested_without_end_is_given_out_and_refused_by_its_reader() -> None:
    packet = encode("/mula/stop")
    while len(packet) < 60_000:
        packet = bundle(packet)
    (piece,) = pieces(packet)
    with pytest.raises(OscError, match="nested"):
        decode(piece)


@given(st.binary(max_size=200), st.integers(0, 3000))
def test_what_is_broken_is_given_out_too_and_comes_to_an_end(noise: bytes, length: int) -> None:
    packet = bundle(*[encode("/mula/knob/cfg", (1.0,))] * 60)[:length] + noise
    assert sum(map(len, pieces(packet))) >= len(packet)


def test_room_is_counted_right_when_a_bundle_is_given_out_in_pieces() -> None:
    packet = bundle(*[encode("/mula/knob/cfg", (1.0,))] * 100)
    backlog = Backlog(len(packet) + 64)
    for _ in range(3):
        backlog.extend([(packet, ALICE, 0), (packet, BOB, 0)])
        while backlog.take(32):
            pass
    assert backlog.dropped == 3  # BOB's, each time


def test_who_floods_with_pings_overtakes_with_a_few_and_answers_to_all() -> None:
    backlog = Backlog(setters=SETTERS, urgent=PING)
    flood = [said("/mula/ping", number) for number in range(60)]
    other = said("/mula/ping", 0, by=BOB)
    assert backlog.extend([*flood, other]) == [*flood[:URGENT], other]
    waiting = []
    while taken := backlog.take(32):
        waiting += taken
    assert waiting == flood[URGENT:]
