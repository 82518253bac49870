"""Who is subscribed, to what, and until when."""

from __future__ import annotations

from typing import Any, cast

import pytest

from mula_bridge.api.subscriptions import LEASE_S, MAX_SUBSCRIBERS, Subscriptions
from mula_bridge.errors import Busy
from mula_bridge.osc.pattern import Pattern

PEER = ("127.0.0.1", 50_000)


def test_a_port_of_the_subscribers_own_host_hears() -> None:
    subscriptions = Subscriptions()
    one = subscriptions.subscribe(PEER, 9001, (), now=0)
    assert one.destination == ("127.0.0.1", 9001)
    assert subscriptions.of(PEER) == subscriptions.of(("127.0.0.1", 9001)) == (one,)
    assert subscriptions.of(("127.0.0.1", 50_001)) == ()
    assert subscriptions.at_host("127.0.0.1") == subscriptions.everyone() == [one]
    assert subscriptions.at_host("10.0.0.1") == subscriptions.at_host("192.168.0.1") == []
    assert subscriptions.at_host(".".join(["127", "0", "0", "1"])) == [one]  # equal, not the same


def test_without_a_port_it_is_the_one_that_was_sent_from() -> None:
    subscriptions = Subscriptions()
    assert subscriptions.subscribe(PEER, None, (), now=0).destination == PEER
    assert len(subscriptions.of(PEER)) == 1


@pytest.mark.parametrize("renewer", [PEER, ("127.0.0.1", 9001)])
def test_a_message_from_either_port_renews(renewer: tuple[str, int]) -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(PEER, 9001, (), now=0)
    subscriptions.renew(renewer, LEASE_S - 1)
    subscriptions.renew(("127.0.0.1", 1), 2 * LEASE_S - 2)
    subscriptions.expire(2 * LEASE_S - 2)
    assert len(subscriptions) == 1
    subscriptions.expire(2 * LEASE_S - 1)
    assert len(subscriptions) == 0
    assert subscriptions.of(PEER) == ()


def test_asking_again_renews_and_replaces_the_patterns() -> None:
    subscriptions = Subscriptions()
    subscriptions.subscribe(PEER, 9001, (), now=0)
    subscriptions.subscribe(("127.0.0.1", 50_007), 9001, (Pattern("/mula/frame"),), now=30)
    subscriptions.expire(LEASE_S + 1)
    (one,) = subscriptions.everyone()
    assert one.wants("/mula/frame")
    assert not one.wants("/mula/knob/cfg")
    assert subscriptions.of(PEER) == ()


def test_without_a_pattern_all_but_the_opt_in_addresses_are_wanted() -> None:
    one = Subscriptions().subscribe(PEER, 9001, (), now=0)
    assert one.wants("/mula/knob/cfg")
    assert one.wants("/mula/tag/anything")
    assert not one.wants("/mula/frame")


def test_any_of_several_patterns_is_enough() -> None:
    patterns = (Pattern("/mula/knob/c*"), Pattern("/mula/frame"))
    one = Subscriptions().subscribe(PEER, 9001, patterns, now=0)
    wanted = [name for name in ("/mula/knob/cfg", "/mula/frame", "/mula/job") if one.wants(name)]
    assert wanted == ["/mula/knob/cfg", "/mula/frame"]
    for index in range(5000):
        one.wants(f"/mula/tag/{index}")
    assert cast("Any", one.wants).cache_info().currsize < 1000


def test_there_is_room_for_so_many_and_no_more() -> None:
    subscriptions = Subscriptions()
    for port in range(MAX_SUBSCRIBERS):
        subscriptions.subscribe(PEER, 9000 + port, (), now=port / 100)
    with pytest.raises(Busy, match="32 subscribers"):
        subscriptions.subscribe(PEER, 10_000, (), now=1)
    subscriptions.subscribe(PEER, 9000, (), now=1)  # renewing needs no room
    subscriptions.subscribe(PEER, 10_000, (), now=LEASE_S + 0.015)  # two have gone by then
    assert len(subscriptions) == MAX_SUBSCRIBERS


def test_unsubscribe_ends_one_port_or_all_of_ones_own() -> None:
    subscriptions = Subscriptions()
    for port in (9001, 9002):
        subscriptions.subscribe(PEER, port, (), now=0)
    other = subscriptions.subscribe(("127.0.0.1", 50_001), 9003, (), now=0)
    subscriptions.unsubscribe(("127.0.0.1", 50_009), 9001)
    assert [one.destination[1] for one in subscriptions.of(PEER)] == [9002]
    subscriptions.unsubscribe(("127.0.0.1", 50_009))
    subscriptions.unsubscribe(("10.0.0.1", 1), 9002)
    assert len(subscriptions) == 2
    subscriptions.unsubscribe(PEER)
    assert subscriptions.everyone() == [other]


def test_one_that_joined_hears_what_it_wants_at_the_time_until_it_unsubscribes() -> None:
    subscriptions, wanted = Subscriptions(), {"/mula/frame"}
    one = subscriptions.join(PEER, wanted.__contains__)
    assert one.wants("/mula/frame")
    assert not one.wants("/mula/knob/cfg")
    wanted.add("/mula/knob/cfg")
    assert one.wants("/mula/knob/cfg")
    subscriptions.expire(1e9)
    assert subscriptions.of(PEER) == (one,)
    subscriptions.unsubscribe(PEER)
    assert subscriptions.everyone() == []


def test_those_who_joined_count_too_and_nobody_comes_in_over_the_limit() -> None:
    subscriptions = Subscriptions(limit=2)
    for port in range(3):
        subscriptions.join(("127.0.0.1", 50_000 + port), lambda _: True)
    with pytest.raises(Busy):
        subscriptions.subscribe(("127.0.0.1", 1), None, (), now=0)


def test_a_lease_is_a_minute_and_there_is_room_for_32() -> None:
    assert (LEASE_S, MAX_SUBSCRIBERS) == (60.0, 32)
