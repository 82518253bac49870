"""What is said of ports that do not work: each thing, once, and again when it is news."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from mula_bridge.midi import connections
from mula_bridge.midi.connections import Connections
from mula_bridge.midi.port_messages import PortNews, PortTrouble, PortWish
from mula_bridge.midi.reader import Heard

WISH = PortWish("*", None, ("*",))
HOUR_NS = 3_600_000_000_000


class Box:
    """A Backend with one box of two ways, and both of its ports, that fail as a test says."""

    def __init__(self) -> None:
        self.listen_error: Exception | None = None
        self.speak_error: Exception | None = None
        self.send_error: Exception | None = None
        self.why_lost = ""

    def inputs(self) -> list[str]:
        return ["Box 1"]

    def outputs(self) -> list[str]:
        return ["Box 1"]

    def listen(self, name: str, heard: Heard) -> Box:
        if self.listen_error is not None:
            raise self.listen_error
        return self

    def speak(self, name: str) -> Box:
        if self.speak_error is not None:
            raise self.speak_error
        return self

    def send(self, data: bytes) -> None:
        if self.send_error is not None:
            raise self.send_error

    def lost(self) -> str:
        return self.why_lost

    def close(self) -> None: ...


class Looking:
    """Connections to that box, with a clock of the test's."""

    def __init__(self) -> None:
        self.box = Box()
        self.news: list[PortNews] = []
        self.now_ns = 0
        self.connections = Connections(
            lambda: self.box, lambda name: lambda data, at_ns: None, self.news.append, 0.25
        )

    def look(self, after_ns: int = HOUR_NS) -> None:
        self.now_ns += after_ns
        self.connections.look(WISH)

    @property
    def told(self) -> list[str]:
        return [one.text for one in self.news if isinstance(one, PortTrouble)]


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Looking]:
    one = Looking()
    monkeypatch.setattr(connections, "perf_counter_ns", lambda: one.now_ns)
    yield one
    one.connections.close()


def test_a_second_trouble_of_a_port_is_told_too(looking: Looking) -> None:
    looking.box.speak_error = OSError(16, "it is taken")
    looking.look()
    looking.look()
    looking.box.speak_error = OSError(5, "it is broken")
    looking.look()
    first, second = looking.told
    assert "it is taken" in first
    assert "it is broken" in second


def test_a_port_may_fail_both_ways_and_both_are_told(looking: Looking) -> None:
    looking.box.listen_error, looking.box.speak_error = OSError("as input"), OSError("as output")
    looking.look()
    looking.look()
    assert [("input" in one, "output" in one) for one in looking.told] == [
        (True, False),
        (False, True),
    ]


def test_the_same_trouble_is_news_after_the_port_did_well(looking: Looking) -> None:
    looking.box.send_error = OSError("no answer")
    looking.look()
    for _ in range(4):  # it opens, and breaks at once: one trouble
        looking.connections.send("*", b"\x90\x00\x00")
        looking.look(5_000_000_000)
    assert len(looking.told) == 1
    looking.look()  # it is well for an hour
    looking.connections.send("*", b"\x90\x00\x00")
    assert len(looking.told) == 2


def test_a_driver_that_says_something_else_each_time_is_no_flood(looking: Looking) -> None:
    for number in range(100):
        looking.box.speak_error = OSError(f"at 0x{number:x}")
        looking.look()
    assert len(looking.told) == connections._MOST_SAID


def test_a_port_that_is_lost_again_and_again_is_a_line_and_no_flood(
    looking: Looking, caplog: pytest.LogCaptureFixture
) -> None:
    looking.look()
    looking.box.why_lost = "its connection was cut"
    with caplog.at_level(logging.WARNING):
        for _ in range(50):
            looking.look(4_500_000_000)
    lines = [one for one in caplog.messages if "its connection was cut" in one]
    assert len(lines) == 1


def test_a_system_that_goes_for_another_reason_says_that_one(
    looking: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    whys = ["asleep", "asleep", "no driver"]

    def refuse() -> list[str]:
        raise OSError(whys.pop(0))

    monkeypatch.setattr(looking.box, "inputs", refuse)
    for _ in range(3):
        looking.look()
    assert ["asleep" in one for one in looking.told] == [True, False]
