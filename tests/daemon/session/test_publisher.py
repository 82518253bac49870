"""Reports reach every listener, in one order for all, whatever one of them does."""

from __future__ import annotations

import logging

import pytest

from mula_bridge.control.messages.origin import DAEMON, Origin
from mula_bridge.control.messages.reports import LiveChanged, Notice, Report
from mula_daemon.session.publisher import Publisher

ALICE = Origin("osc", ("127.0.0.1", 1))


class Note:
    """Notes what it hears; ``then`` is published while it hears the first."""

    def __init__(self, publisher: Publisher | None = None, then: Report | None = None) -> None:
        self.heard: list[tuple[Report, Origin | None, Origin | None]] = []
        self._publisher = publisher
        self._then = then

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        self.heard.append((report, to, but))
        then, self._then = self._then, None
        if self._publisher is not None and then is not None:
            self._publisher.publish(then)


class Broken:
    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        raise RuntimeError("a listener's bug")


def test_everyone_hears_whom_it_is_for() -> None:
    publisher, one, other = Publisher(), Note(), Note()
    publisher.listen(one)
    publisher.listen(other)
    publisher.publish(LiveChanged(True), to=ALICE)
    publisher.publish(LiveChanged(False), by=DAEMON)
    assert (
        one.heard
        == other.heard
        == [
            (LiveChanged(True), ALICE, None),
            (LiveChanged(False), None, DAEMON),
        ]
    )


def test_listeners_hear_in_the_order_in_which_they_came() -> None:
    """Who owns a state is asked before those who only pass it on."""
    publisher, order = Publisher(), list[str]()

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
            order.append(self.name)

    for name in ("live", "trace", "osc", "inbox"):
        publisher.listen(Named(name))
    publisher.publish(LiveChanged(True))
    publisher.publish(LiveChanged(False), by=ALICE)
    assert order == ["live", "trace", "osc", "inbox"] * 3


def test_who_caused_the_news_has_it_for_an_answer_and_the_daemon_needs_none() -> None:
    publisher, note = Publisher(), Note()
    publisher.listen(note)
    publisher.publish(LiveChanged(True), by=ALICE)
    publisher.publish(LiveChanged(False), by=DAEMON)
    assert note.heard == [
        (LiveChanged(True), None, ALICE),
        (LiveChanged(True), ALICE, None),
        (LiveChanged(False), None, DAEMON),
    ]


@pytest.mark.parametrize("first", [True, False])
def test_what_a_listener_says_of_a_report_comes_after_it_for_everybody(*, first: bool) -> None:
    cause, consequence = Notice("a", "b", "cause"), Notice("a", "b", "consequence")
    publisher, other = Publisher(), Note()
    speaking = Note(publisher, consequence)
    for listener in (speaking, other) if first else (other, speaking):
        publisher.listen(listener)
    publisher.publish(cause)
    assert [report for report, _, _ in other.heard] == [cause, consequence]
    assert [report for report, _, _ in speaking.heard] == [cause, consequence]


def test_one_that_raises_takes_nothing_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    publisher, other = Publisher(), Note()
    publisher.listen(Broken())
    publisher.listen(other)
    with caplog.at_level(logging.ERROR):
        publisher.publish(LiveChanged(True))
        publisher.publish(LiveChanged(False))
    assert [report for report, _, _ in other.heard] == [LiveChanged(True), LiveChanged(False)]
    assert "a listener's bug" in caplog.text
