"""The process with the MIDI ports, seen from the daemon: what it says, when it hangs or dies."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import cast

import pytest

from mula_bridge.errors import Unavailable
from mula_bridge.midi.monitor import monitor
from mula_bridge.midi.port_messages import (
    Arrived,
    PortNews,
    PortsChanged,
    PortsSeen,
    PortTrouble,
    PortWish,
)
from mula_bridge.midi.ports import (
    LOOK_S,
    MOST_SAID,
    STALL_S,
    Ports,
    says_something,
)
from mula_bridge.net.children import MOST_STUCK, Connection
from support import midi_children
from support.fakes import Unending
from support.midi_box import eventually

SPAWN_S = 30.0
"""A process reads much before its first word, on a busy machine for long."""


class Scripted:
    """A connection whose every look ends at once, as all do that a machine slept through."""

    def __init__(self, *looks: bool) -> None:
        self.looks = list(looks)

    def poll(self, seconds: float) -> bool:
        assert seconds == LOOK_S
        return self.looks.pop(0)


@pytest.mark.parametrize("silent", [0, 1, round(STALL_S / LOOK_S) - 1])
def test_a_process_that_speaks_within_its_looks_does_not_hang(silent: int) -> None:
    """However long each took: a machine that slept through one has not heard silence."""
    connection = Scripted(*[False] * silent, True)
    assert says_something(cast("Connection", connection), STALL_S)


def test_a_process_that_says_nothing_in_all_its_looks_hangs() -> None:
    connection = Scripted(*[False] * round(STALL_S / LOOK_S))
    assert not says_something(cast("Connection", connection), STALL_S)
    assert connection.looks == []


@contextmanager
def ports_of(
    process: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Ports, list[PortNews]]]:
    """Ports in such a process, and the news of them."""
    monkeypatch.setattr("mula_bridge.midi.ports.worker_main", process)
    news: list[PortNews] = []
    ports = Ports(news.append, poll_seconds=0.02)
    ports.wish(PortWish("*", None, ("*",)))
    ports.start()
    try:
        yield ports, news
    finally:
        ports.stop()


def test_what_the_process_logs_is_in_the_log_of_the_daemon(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with ports_of(midi_children.logging_process, monkeypatch):
        eventually(lambda: "ZeroDivisionError: in a thread" in caplog.text, SPAWN_S)
    (record, *_) = (one for one in caplog.records if "stumbled" in one.getMessage())
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith("MIDI, in its process: it stumbled\nTraceback")
    assert "nothing worth" not in caplog.text


def test_a_process_that_can_pass_nothing_on_is_replaced_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ports_of(midi_children.deaf_process, monkeypatch) as (ports, news):
        eventually(lambda: ports.pid, SPAWN_S)
        deaf = ports.pid
        eventually(lambda: any(isinstance(one, PortTrouble) for one in news), SPAWN_S)
        trouble = next(one for one in news if isinstance(one, PortTrouble))
        assert (trouble.address, trouble.code) == ("midi", "error")
        assert "in the outbox" in trouble.text
        monkeypatch.setattr("mula_bridge.midi.ports.worker_main", midi_children.slow_process)
        eventually(lambda: any(isinstance(one, Arrived) for one in news), SPAWN_S)
        assert ports.pid != deaf


def test_nobody_who_lights_a_box_waits_for_a_process_that_is_slow_to_come_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is said until its first word is forgotten; what is wanted of it is not."""
    with ports_of(midi_children.slow_process, monkeypatch) as (ports, news):
        eventually(lambda: ports.pid, SPAWN_S)
        began = monotonic()
        for number in range(20_000):  # far more than a pipe holds
            ports.send("*", bytes((0xB0, 16, number % 128)))
        assert monotonic() - began < 0.9
        assert news == []
        eventually(lambda: any(isinstance(one, Arrived) for one in news), SPAWN_S)
        assert news[:2] == [PortsSeen(("Box 1",), ()), PortsChanged(("Box 1",))]


def test_a_trouble_is_told_once_until_all_was_well(monkeypatch: pytest.MonkeyPatch) -> None:
    news: list[PortNews] = []
    ports = Ports(news.append)
    now = 100.0
    monkeypatch.setattr("mula_bridge.midi.ports.monotonic", lambda: now)
    broken = PortTrouble("midi", "unavailable", "no driver")
    for _ in range(100):  # it comes and goes, and never stays
        now += 1
        ports._take(broken)
        ports._take(PortsSeen((), ()))
    assert [one for one in news if one != PortsSeen((), ())] == [broken]
    now += 60
    ports._take(Arrived(()))
    ports._take(broken)
    assert news[-1] == broken
    for number in range(2 * MOST_SAID):
        ports._take(PortTrouble("Box", "unavailable", f"at {number:x}"))
    assert sum(isinstance(one, PortTrouble) for one in news) == 1 + MOST_SAID


def test_processes_that_cannot_be_ended_become_no_more_than_a_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mula_bridge.midi.ports.worker_main", midi_children.short_lived_process)
    ports = Ports(lambda news: None)
    left = [Unending() for _ in range(MOST_STUCK)]
    for one in left:
        ports._process = cast("BaseProcess", one)
        ports._leave()
    assert "4 processes with MIDI ports hang in a driver and cannot be ended" in ports._live()
    left[0].hangs = False
    assert "hang in a driver" not in ports._live()
    ports._leave()


# --- the monitor ----------------------------------------------------------------------------------


def test_the_monitor_says_that_the_process_died_and_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mula_bridge.midi.ports.worker_main", midi_children.short_lived_process)
    lines: list[str] = []
    stop = threading.Event()
    thread = threading.Thread(target=monitor, args=(lines.append,), kwargs={"stop": stop})
    thread.start()
    try:
        eventually(lambda: len(lines) == 2, SPAWN_S)
        monkeypatch.setattr("mula_bridge.midi.ports.worker_main", midi_children.slow_process)
        eventually(lambda: len(lines) > 3, SPAWN_S)
    finally:
        stop.set()
        thread.join(SPAWN_S)
    assert lines[:4] == [
        "no MIDI input matches *",
        "the process with the MIDI ports ended; they are opened anew",
        "listening to Box 1",
        "Box 1: cc 16 channel 1 = 0",
    ]


def test_the_monitor_ends_with_the_reason_where_no_process_can_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(ports: Ports) -> str:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(Ports, "_live", refuse)
    with pytest.raises(Unavailable, match="Resource temporarily unavailable"):
        monitor(lambda line: None, stop=threading.Event())


def test_the_monitor_ends_when_nobody_keeps_the_ports_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Ports, "start", lambda ports: setattr(ports, "dead", True))
    with pytest.raises(Unavailable, match="MIDI ended"):
        monitor(lambda line: None, stop=threading.Event())
