"""Datagrams that wait: the newest value of each knob, and everything else as it came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.osc.udp.backlog import Backlog
from mula_bridge.osc.udp.reading import Datagram
from mula_bridge.osc.wire import encode
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
