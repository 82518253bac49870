"""Who hears which report: news, answers, acknowledgements."""

from __future__ import annotations

import pytest

from mula_bridge.api.askers import MAX_ASKED, Subject
from mula_bridge.api.echo import HOLD_S
from mula_bridge.api.routing import Delivery, Routing
from mula_bridge.control.messages.origin import Origin
from mula_bridge.errors import BadInput
from mula_bridge.osc.pattern import Pattern

HOST = "127.0.0.1"
ALICE = (HOST, 50_000)
BOB = (HOST, 50_001)
TARGET = (HOST, 9900)
CFG, NORM = "/mula/knob/cfg", "/mula/norm/cfg"
CONTENT = [(CFG, (3.0,)), (NORM, (0.5,))]


@pytest.fixture
def routing() -> Routing:
    return Routing("osc")


def origin(peer: tuple[str, int], address: str, received_ns: int = 1) -> Origin:
    return Origin("osc", peer, address, received_ns)


def where(deliveries: list[Delivery]) -> list[tuple[int, str]]:
    return [(destination[1], address) for destination, address, _ in deliveries]


def turn(routing: Routing, peer: tuple[str, int], address: str, sent: float) -> list[Delivery]:
    """What the session does after a knob was set: news for the others, then the answer."""
    who = origin(peer, address)
    routing.moved(who, (sent,), now=0)
    return routing.news(CONTENT, who, now=0) + routing.answer(CONTENT, who, now=0)


def test_a_client_that_is_no_subscriber_is_acknowledged_on_the_address_it_used() -> None:
    for address in (CFG, NORM):
        assert where(turn(Routing("osc"), ALICE, address, 99.0)) == [(50_000, address)]
    assert where(turn(Routing("osc"), ALICE, CFG + "/delta", 0.1)) == [(50_000, CFG)]


def test_every_subscriber_hears_both_addresses_once(routing: Routing) -> None:
    routing.subscribe(BOB, 9001, (), now=0)
    routing.subscribe(BOB, 9002, (Pattern("/mula/norm/*"),), now=0)
    heard = where(turn(routing, ALICE, CFG, 3.0))
    assert heard == [(9001, CFG), (9001, NORM), (9002, NORM), (50_000, CFG)]


def test_a_subscriber_hears_its_own_change_on_the_other_address_only(routing: Routing) -> None:
    routing.subscribe(ALICE, 9001, (), now=0)
    routing.subscribe(BOB, 9002, (), now=0)
    heard = where(turn(routing, ALICE, CFG, 3.0))
    assert heard == [(9002, CFG), (9002, NORM), (9001, NORM)]
    assert routing.due(now=1) == []


def test_a_subscriber_hears_a_clamped_value_when_its_hand_is_still(routing: Routing) -> None:
    routing.subscribe(ALICE, 9001, (), now=0)
    assert (9001, CFG) not in where(turn(routing, ALICE, CFG, 99.0))
    assert routing.still_at() == HOLD_S
    assert routing.due(now=HOLD_S) == [((HOST, 9001), CFG, (3.0,))]


def test_a_job_is_confirmed_once_to_each(routing: Routing) -> None:
    queued = [("/mula/job", ("intro", "queued"))]
    who = origin(ALICE, "/mula/generate")
    routing.subscribe(BOB, 9002, (), now=0)
    routing.moved(who, (), now=0)
    heard = routing.news(queued, who, now=0) + routing.answer(queued, who, now=0)
    assert where(heard) == [(9002, "/mula/job"), (50_000, "/mula/job")]
    routing.subscribe(ALICE, 9001, (), now=0)
    routing.moved(who, (), now=0)
    heard = routing.news(queued, who, now=0) + routing.answer(queued, who, now=0)
    assert where(heard) == [(9002, "/mula/job"), (9001, "/mula/job")]


def test_an_error_reaches_its_sender_whatever_the_patterns(routing: Routing) -> None:
    error = [("/mula/error", (CFG, "unknown", "text"))]
    who = origin(ALICE, CFG)
    routing.moved(who, (1.0,), now=0)
    assert where(routing.answer(error, who, now=0)) == [(50_000, "/mula/error")]
    routing.subscribe(BOB, 9002, (), now=0)
    assert where(routing.answer(error, who, now=0)) == [
        (50_000, "/mula/error"),
        (9002, "/mula/error"),
    ]
    routing.subscribe(ALICE, 9001, (Pattern("/mula/norm/*"),), now=0)
    for address in (CFG, "/mula/subscribe"):
        heard = routing.answer(error, origin(ALICE, address), now=0)
        assert where(heard) == [(9001, "/mula/error")]


def test_another_sources_origin_keeps_nobody_from_hearing(routing: Routing) -> None:
    routing.subscribe(ALICE, 9001, (), now=0)
    assert len(routing.news(CONTENT, Origin("midi", ALICE, CFG), now=0)) == 2
    tcp = Routing("osc-tcp")
    tcp.subscribe(ALICE, None, (), now=0)
    assert len(tcp.news(CONTENT, origin(ALICE, CFG), now=0)) == 2
    assert tcp.news(CONTENT, Origin("osc-tcp", ALICE, CFG), now=0) == []


def test_a_question_is_answered_on_its_address(routing: Routing) -> None:
    assert where(routing.answer(CONTENT, origin(ALICE, NORM), now=0)) == [(50_000, NORM)]
    routing.subscribe(ALICE, 9001, (Pattern("/mula/job"),), now=0)
    assert where(routing.answer(CONTENT, origin(ALICE, NORM), now=0)) == [(9001, NORM)]
    routing.moved(origin(ALICE, CFG, 5), (3.0,), now=0)
    assert where(routing.answer(CONTENT, origin(ALICE, CFG, 6), now=0)) == [(9001, CFG)]


def test_a_question_of_a_client_that_cannot_listen_is_answered_to_its_host() -> None:
    content = [("/mula/status", ("mini",))]
    ask = origin(BOB, "/mula/status")
    routing = Routing("osc", [TARGET, ("10.0.0.1", 9900)])
    assert where(routing.answer(content, ask, now=0)) == [
        (50_001, "/mula/status"),
        (9900, "/mula/status"),
    ]
    routing.subscribe(ALICE, 9001, (), now=0)
    assert where(routing.answer(content, ask, now=0)) == [
        (50_001, "/mula/status"),
        (9001, "/mula/status"),
    ]


def test_the_dump_after_subscribing_keeps_to_the_patterns(routing: Routing) -> None:
    routing.subscribe(ALICE, 9001, (Pattern("/mula/norm/*"),), now=0)
    dump = routing.answer(CONTENT, origin(ALICE, "/mula/subscribe"), now=0)
    assert where(dump) == [(9001, NORM)]
    dump = routing.answer(CONTENT, origin(ALICE, "/mula/dump"), now=0)
    assert where(dump) == [(9001, CFG), (9001, NORM)]


def test_frames_come_only_to_those_who_ask() -> None:
    routing = Routing("osc", [TARGET])
    routing.subscribe(ALICE, 9001, (), now=0)
    routing.subscribe(BOB, 9002, (Pattern("/mula/frame"),), now=0)
    assert where(routing.news([("/mula/frame", ())], None, now=0)) == [(9002, "/mula/frame")]


def test_a_target_hears_everything_but_not_while_its_host_moves_the_control() -> None:
    routing = Routing("osc", [TARGET, ("10.0.0.1", 9900)])
    heard = turn(routing, ALICE, CFG, 3.0)
    assert [one[:2] for one in heard] == [
        (TARGET, NORM),
        (("10.0.0.1", 9900), CFG),
        (("10.0.0.1", 9900), NORM),
        (ALICE, CFG),
    ]
    assert routing.due(now=HOLD_S) == [(TARGET, CFG, (3.0,))]


@pytest.mark.parametrize("seconds", [59, 61])
def test_who_is_not_heard_of_for_a_minute_hears_no_more(routing: Routing, seconds: float) -> None:
    routing.subscribe(ALICE, 9001, (), now=0)
    routing.subscribe(BOB, 9002, (), now=0)
    routing.heard([ALICE], now=30)
    ports = {port for port, _ in where(routing.news(CONTENT, None, now=seconds))}
    assert ports == ({9001, 9002} if seconds < 60 else {9001})


def test_unsubscribed_is_silent(routing: Routing) -> None:
    routing.subscribe(ALICE, 9001, (), now=0)
    routing.unsubscribe(ALICE, None)
    assert routing.news(CONTENT, None, now=0) == []


def test_who_is_connected_hears_on_its_connection_and_has_no_neighbours() -> None:
    routing = Routing("osc", connected=True)
    routing.subscribe(ALICE, 9001, (), now=0)
    assert where(routing.news(CONTENT, None, now=0)) == [(50_000, CFG), (50_000, NORM)]
    assert where(routing.answer(CONTENT, origin(BOB, CFG), now=0)) == [(50_001, CFG)]
    routing.unsubscribe(ALICE, 9001)
    assert routing.news(CONTENT, None, now=0) == []


def test_we_are_never_told_what_we_say() -> None:
    with pytest.raises(BadInput, match=r"127\.0\.0\.1:9900 would come back to us"):
        Routing("osc", [TARGET], own=frozenset({TARGET}))
    routing = Routing("osc", own=frozenset({TARGET, ALICE}))
    for port in (9900, None):
        with pytest.raises(BadInput, match="would come back to us"):
            routing.subscribe(ALICE, port, (), now=0)
    routing.subscribe(ALICE, 9001, (), now=0)


# --- who asked for a job --------------------------------------------------------------------------

JOB, PROGRESS, CLIP = "/mula/job", "/mula/progress", "/mula/clip"
MINE = Subject("mine")


def life(routing: Routing, who: Origin) -> list[Delivery]:
    """What is said of a job that ``who`` asks for, from its beginning to its end."""
    routing.moved(who, (), now=0)
    queued = [(JOB, ("mine", "queued"))]
    said = routing.news(queued, who, now=0, subject=MINE)
    said += routing.answer(queued, who, now=0, subject=MINE)
    for address in (JOB, PROGRESS, CLIP):
        said += routing.news([(address, ("mine",))], None, now=0, subject=MINE)
    said += routing.news([(JOB, ("mine", "done"))], None, now=0, subject=Subject("mine", over=True))
    return said


LIFE = [JOB, JOB, PROGRESS, CLIP, JOB]


def test_who_asked_hears_of_the_job_to_its_end_at_the_port_it_asked_from(routing: Routing) -> None:
    assert where(life(routing, origin(ALICE, "/mula/generate"))) == [(50_000, at) for at in LIFE]
    assert routing.news([(JOB, ("mine", "running"))], None, now=0, subject=MINE) == []


def test_who_asked_and_subscribes_hears_of_it_once(routing: Routing) -> None:
    routing.subscribe(ALICE, 9001, (), now=0)
    assert where(life(routing, origin(ALICE, "/mula/generate"))) == [(9001, at) for at in LIFE]


def test_who_subscribes_to_something_else_still_hears_of_what_it_asked_for(
    routing: Routing,
) -> None:
    routing.subscribe(ALICE, 9001, (Pattern("/mula/knob/*"), Pattern(CLIP)), now=0)
    said = where(life(routing, origin(ALICE, "/mula/generate")))
    assert said == [(9001 if at == CLIP else 50_000, at) for at in LIFE]


def test_what_is_confirmed_elsewhere_reaches_a_subscriber_to_something_else(
    routing: Routing,
) -> None:
    status = [("/mula/clip/status", ("id", "kept"))]
    who = origin(ALICE, "/mula/audition/keep")
    routing.subscribe(ALICE, 9001, (Pattern("/mula/knob/*"),), now=0)
    routing.moved(who, (), now=0)
    assert where(routing.answer(status, who, now=0)) == [(50_000, "/mula/clip/status")]
    routing.subscribe(ALICE, 9001, (), now=0)
    routing.moved(who, (), now=0)
    assert where(routing.answer(status, who, now=0)) == [(9001, "/mula/clip/status")]


def test_a_target_that_asks_hears_of_it_once() -> None:
    routing = Routing("osc", [TARGET])
    assert where(life(routing, origin(TARGET, "/mula/generate"))) == [(9900, at) for at in LIFE]


def test_others_hear_of_a_job_only_as_subscribers(routing: Routing) -> None:
    routing.subscribe(BOB, 9002, (), now=0)
    said = where(life(routing, origin(ALICE, "/mula/generate")))
    assert [at for port, at in said if port == 9002] == LIFE
    assert [at for port, at in said if port == 50_000] == LIFE
    assert len(said) == 2 * len(LIFE)


def test_an_asker_of_another_transport_is_not_the_peer_of_the_same_name(routing: Routing) -> None:
    queued = [(JOB, ("mine", "queued"))]
    routing.answer(queued, origin(ALICE, "/mula/generate"), now=0, subject=MINE)
    stranger = Origin("osc-tcp", ALICE, "/mula/generate")
    assert where(routing.news(queued, stranger, now=0, subject=MINE)) == [(50_000, JOB)]


def test_who_left_hears_no_more_of_what_it_asked_for(routing: Routing) -> None:
    routing.answer([(JOB, ())], origin(ALICE, "/mula/generate"), now=0, subject=MINE)
    routing.forget(ALICE)
    assert routing.news([(JOB, ())], None, now=0, subject=MINE) == []


def test_a_frame_is_never_sent_to_who_only_asked_for_a_job(routing: Routing) -> None:
    routing.answer([(JOB, ())], origin(ALICE, "/mula/generate"), now=0, subject=MINE)
    assert routing.news([("/mula/frame", ())], None, now=0, subject=MINE) == []


def test_of_too_many_askers_the_first_is_forgotten(routing: Routing) -> None:
    for number in range(MAX_ASKED + 1):
        job = Subject(f"job{number}")
        routing.answer([(JOB, ())], origin(ALICE, "/mula/generate"), now=0, subject=job)
    assert routing.news([(JOB, ())], None, now=0, subject=Subject("job0")) == []
    assert len(routing.news([(JOB, ())], None, now=0, subject=Subject("job1"))) == 1
