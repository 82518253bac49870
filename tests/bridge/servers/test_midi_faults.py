"""An exception at every seam of MIDI costs one item; then its ordinary work goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns, sleep

import pytest

from mula_bridge.bindings.midi import MidiRouter
from mula_bridge.control.messages.commands import SetKnob
from mula_bridge.control.messages.reports import Failed, KnobChanged
from mula_bridge.errors import Busy, Unavailable
from mula_bridge.mapping.file import parse_mapping
from mula_bridge.midi.clock import Clocks
from mula_bridge.midi.decoding import Decoder
from mula_bridge.midi.reader import Heard
from mula_bridge.servers.midi import MidiSource
from support.local_ports import local
from support.midi_box import Commands, eventually

MAPPING = parse_mapping("""\
version: 1
controllers: {box: {in: "Box*", out: "Box*", controls: {k: {cc: 16}}}}
bindings: [{from: box.k, to: cfg}]
""")
UP, DOWN = (0xB0, 16, 127), (0xB0, 16, 0)


class System:
    """A Backend with one box, which raises ``error`` where, and as often as, a test says."""

    def __init__(self) -> None:
        self.breaks: dict[str, int] = {}
        self.error: Exception = ZeroDivisionError("at the seam")
        self.broken = 0
        self.heard: Heard | None = None
        self.seen: list[bytes] = []

    def at(self, seam: str) -> None:
        if self.breaks.get(seam, 0):
            self.breaks[seam] -= 1
            self.broken += 1
            raise self.error

    def open(self) -> System:
        self.at("open")
        return self

    def inputs(self) -> list[str]:
        self.at("inputs")
        return ["Box 1"]

    def outputs(self) -> list[str]:
        self.at("outputs")
        return ["Box 1"]

    def listen(self, name: str, heard: Heard) -> Port:
        self.at("listen")
        self.heard = heard
        return Port(self, "input")

    def speak(self, name: str) -> Port:
        self.at("speak")
        return Port(self, "output")

    def close(self) -> None:
        self.at("close")


class Port:
    """Either kind of port."""

    def __init__(self, system: System, kind: str) -> None:
        self.system = system
        self.kind = kind

    def send(self, data: bytes) -> None:
        self.system.at("send")
        self.system.seen.append(data)

    def lost(self) -> str:
        self.system.at(f"{self.kind} lost")
        return ""

    def close(self) -> None:
        self.system.at(f"{self.kind} close")


class Running:
    """A MidiSource on that system."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.emit = Commands()
        self.failures: list[Failed] = []
        self.source = MidiSource(
            MAPPING,
            failed=self.failures.append,
            ports=local(system.open, 0.01),
            clock=lambda news: self.system.at("clock"),
        )

    def say(self, *data: int) -> None:
        if self.system.heard is not None:
            self.system.heard(bytes(data), perf_counter_ns())

    def works(self) -> None:
        """A turned knob is a command, and a report is a light."""

        def turned() -> bool:
            self.say(*UP)
            return SetKnob("cfg", 1.0, norm=True) in self.emit.commands

        def shown() -> bool:
            for value, norm in ((1.0, 0.0), (5.0, 1.0)):
                news = KnobChanged("cfg", value, norm)
                self.source.report(news, to=None, but=None)
            return bytes(UP) in self.system.seen

        self.emit.taken.clear()
        eventually(turned)
        self.system.seen.clear()
        eventually(shown)


@contextmanager
def running(system: System) -> Iterator[Running]:
    run = Running(system)
    run.source.start(run.emit)
    try:
        yield run
    finally:
        run.source.stop()
        assert not any(service.alive or service.dead for service in run.source.services)


ERRORS = [ZeroDivisionError("at the seam"), OSError(5, "I/O"), Unavailable("no such device")]
SEAMS = ["open", "inputs", "outputs", "listen", "speak", "send", "input lost", "output lost"]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("seam", SEAMS)
def test_a_seam_of_the_ports(seam: str, error: Exception) -> None:
    system = System()
    system.error, system.breaks = error, {seam: 1}
    with running(system) as run:
        eventually(lambda: system.broken == 1)
        run.works()


@pytest.mark.parametrize("seam", ["input close", "output close", "close"])
def test_what_cannot_be_closed_is_left(seam: str) -> None:
    """A system that fails is closed and opened anew, whatever its ports say to that."""
    system = System()
    with running(system) as run:
        run.works()
        system.breaks = {seam: 1, "inputs": 1}
        eventually(lambda: system.broken == 2)
        run.works()


def test_a_port_that_breaks_again_and_again_is_said_once_and_hurts_nothing_else() -> None:
    system = System()
    system.breaks = {"speak": 3}
    with running(system) as run:
        eventually(lambda: system.broken >= 2)
        run.emit.taken.clear()
        eventually(lambda: run.say(*UP) or run.emit.taken)
        assert [failure.address for failure in run.failures] == ["Box 1"]


@pytest.mark.parametrize("seam", ["receive", "hear", "everything", "due", "forget"])
def test_a_seam_of_the_router(seam: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(System()) as run:
        run.works()
        once(monkeypatch, MidiRouter, seam)
        run.source.refresh()
        run.system.breaks = {"inputs": 1}  # its ports go and come again
        eventually(lambda: run.say(*DOWN) or raised(run))
        run.works()


@pytest.mark.parametrize(
    ("owner", "seam"), [(Decoder, "decode"), (Clocks, "hear"), (Clocks, "due")]
)
def test_a_seam_of_what_is_heard(owner: type, seam: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(System()) as run:
        run.works()
        once(monkeypatch, owner, seam)
        run.say(*DOWN)
        run.say(0xF8)
        eventually(lambda: raised(run))  # a clock is due when nothing else is
        run.works()


def test_a_clock_that_nobody_can_be_told_of() -> None:
    with running(System()) as run:
        run.works()
        run.system.breaks = {"clock": 1}
        eventually(lambda: run.say(0xFA) or run.say(0xF8) or raised(run))
        run.works()


def test_a_session_that_raises() -> None:
    with running(System()) as run:
        run.works()
        run.emit.error = ZeroDivisionError("at the seam")
        eventually(lambda: run.say(*DOWN) or raised(run))
        run.works()


def test_what_fails_as_long_as_it_is_due_takes_no_whole_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[int] = []

    def fail(router: MidiRouter, now_ns: int) -> None:
        tries.append(now_ns)
        raise ZeroDivisionError("at the seam")

    monkeypatch.setattr(MidiRouter, "due", fail)
    monkeypatch.setattr(MidiRouter, "next_due_ns", lambda router: 0)
    with running(System()):
        eventually(lambda: tries)
        before = len(tries)
        sleep(0.1)
        assert len(tries) - before <= 110


def test_a_session_that_is_too_busy_to_tell_its_knobs_keeps_no_port_closed() -> None:
    system = System()
    run = Running(system)
    run.emit.error = Busy("4096 messages are waiting")
    run.source.start(run.emit)
    try:
        eventually(lambda: run.failures == [Failed("midi", "busy", "4096 messages are waiting")])
        run.works()
    finally:
        run.source.stop()


def raised(run: Running) -> bool:
    return any("at the seam" in failure.text for failure in run.failures)


def once(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
    """The first call of a method raises."""
    method = getattr(owner, name)

    def broken(*given: object) -> object:
        monkeypatch.setattr(owner, name, method)
        raise ZeroDivisionError("at the seam")

    monkeypatch.setattr(owner, name, broken)
