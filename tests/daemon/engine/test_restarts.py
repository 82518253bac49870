"""When an engine that died is started again."""

from __future__ import annotations

from mula_daemon.engine.restarts import LONGEST_REST_S, RESTARTS, Restarts


def test_the_first_lives_in_vain_are_followed_at_once_and_the_next_after_longer_rests() -> None:
    restarts = Restarts()
    assert [restarts.rest_s() for _ in range(6)] == [0.0, 0.0, 1.0, 2.0, 4.0, 8.0]


def test_no_rest_is_longer_than_the_longest_and_it_never_gives_up() -> None:
    restarts = Restarts()
    assert max(restarts.rest_s() for _ in range(5000)) == LONGEST_REST_S


def test_an_engine_that_was_of_use_is_started_again_at_once() -> None:
    restarts = Restarts()
    for _ in range(RESTARTS + 1):
        restarts.rest_s()
    restarts.worked()
    assert restarts.rest_s() == 0.0
