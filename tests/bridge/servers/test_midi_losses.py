"""MIDI survives its ports, its JACK server, and the process that holds the ports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

import psutil
import pytest

from mula_bridge.control.messages.commands import SetKnob
from mula_bridge.control.messages.reports import Failed, KnobChanged
from mula_bridge.errors import Unavailable
from mula_bridge.mapping.file import parse_mapping
from mula_bridge.midi.listing import list_ports
from mula_bridge.midi.ports import Ports
from mula_bridge.servers.midi import MidiSource
from support import returning_box
from support.jack_server import JackServer, jack_server
from support.midi_box import Commands, MidiBox, eventually

pytestmark = pytest.mark.jack

MAPPING = parse_mapping("""\
version: 1
controllers: {box: {in: "Box*", out: "Box*", controls: {k: {cc: 16}}}}
bindings: [{from: box.k, to: cfg}]
""")
LIT, DARK = bytes((0xB0, 16, 127)), bytes((0xB0, 16, 0))


class Playing:
    """A MidiSource on JACK, and what it said."""

    def __init__(self) -> None:
        self.emit = Commands()
        self.failures: list[Failed] = []
        self.source = MidiSource(MAPPING, api="jack", failed=self.failures.append)

    @property
    def pid(self) -> int:
        """Of the process that holds the ports now."""
        (ports,) = (service for service in self.source.services if isinstance(service, Ports))
        eventually(lambda: ports.pid)
        assert ports.pid is not None
        return ports.pid

    def plays(self, box: MidiBox, timeout: float = 15) -> None:
        """What the box turns comes through, and its light shows what there is."""
        self.emit.taken.clear()
        box.turn_until(lambda: SetKnob("cfg", 1.0, norm=True) in self.emit.commands, *LIT)
        self.shows(box, LIT, 5.0, timeout)

    def shows(self, box: MidiBox, light: bytes, value: float, timeout: float = 15) -> None:
        """The light follows, said again until it is seen."""
        row = KnobChanged("cfg", value, 1.0 if light == LIT else 0.0)

        def shown() -> bool:
            self.source.report(row, to=None, but=None)
            sleep(0.05)
            return light in box.seen

        box.seen.clear()
        eventually(shown, timeout)


@contextmanager
def playing() -> Iterator[Playing]:
    midi = Playing()
    midi.source.start(midi.emit)
    try:
        yield midi
    finally:
        began = monotonic()
        midi.source.stop()
        assert monotonic() - began < 5


@pytest.fixture
def jack() -> Iterator[JackServer]:
    with jack_server() as server:
        yield server


def test_a_port_that_goes_and_comes_within_a_look_is_heard_and_lit_again(jack: JackServer) -> None:
    with MidiBox(program=returning_box.__file__) as box, playing() as midi:
        midi.plays(box)
        for _ in range(2):
            sleep(0.5)  # until its wires are known
            box.seen.clear()
            box.come_again()
            eventually(lambda: LIT in box.seen, timeout=15)  # without anything that moved
            midi.plays(box)
        assert midi.source.ports() == ["Box:knobs"]
    assert midi.failures == []


def test_a_cut_connection_is_made_anew(jack: JackServer) -> None:
    with MidiBox() as box, playing() as midi:
        midi.plays(box)
        sleep(0.5)
        for port in (jack.find("mulabridge"),):
            jack.disconnect("Box:knobs", port)
        midi.plays(box)


def test_the_process_with_the_ports_is_killed_at_any_moment(jack: JackServer) -> None:
    with MidiBox() as box, playing() as midi:
        for pause in (0.0, 0.05, 0.3, 0.6, None):
            if pause is None:
                midi.plays(box)
            else:
                sleep(pause)
            os.kill(midi.pid, signal.SIGKILL)
        midi.plays(box)
        assert {failure.code for failure in midi.failures} == {"unavailable"}
        assert "the process with the MIDI ports ended" in midi.failures[0].text


def test_a_process_that_hangs_is_replaced(jack: JackServer) -> None:
    with MidiBox() as box, playing() as midi:
        midi.plays(box)
        hung = midi.pid
        os.kill(hung, signal.SIGSTOP)
        eventually(lambda: midi.source.ports() == [])
        midi.plays(box)
        assert midi.pid != hung
        assert not psutil.pid_exists(hung)
        assert {failure.code for failure in midi.failures} == {"unavailable"}
        assert "does not answer for 2 s" in midi.failures[0].text


def test_a_server_that_dies_and_is_started_again(jack: JackServer) -> None:
    with playing() as midi:
        with MidiBox() as box:
            midi.plays(box)
            jack.process.kill()
            jack.process.wait()
            eventually(lambda: midi.source.ports() == [])
        jack.start()
        with MidiBox() as box:
            midi.plays(box, timeout=20)
    assert "the JACK server has gone" in midi.failures[0].text


def test_a_server_that_hangs_while_a_port_closes(jack: JackServer) -> None:
    """Ten seconds, as a driver may; whoever asks for the ports is answered all the while."""
    with playing() as midi:
        with MidiBox() as box:
            midi.plays(box)
        eventually(lambda: midi.source.ports() == [])  # its close comes a rest after this
        began = monotonic()
        jack.process.send_signal(signal.SIGSTOP)
        try:
            while monotonic() < began + 10:
                asked = monotonic()
                midi.source.ports()
                midi.source.report(KnobChanged("cfg", 5.0, 1.0), to=None, but=None)
                sleep(0.01)
                assert monotonic() - asked < 0.5
        finally:
            jack.process.send_signal(signal.SIGCONT)
        with MidiBox() as box:
            midi.plays(box, timeout=20)


def test_who_asks_for_the_names_is_told_that_a_server_hangs(jack: JackServer) -> None:
    jack.process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(Unavailable, match="MIDI does not answer"):
            list_ports("jack")
    finally:
        jack.process.send_signal(signal.SIGCONT)
    eventually(lambda: list_ports("jack") == ([], []), timeout=20)


PARENT = """
import sys, time
from mula_bridge.errors import Unavailable
from mula_bridge.mapping.file import parse_mapping
from mula_bridge.servers.midi import MidiSource

source = MidiSource(parse_mapping("version: 1"), api="jack")
source.start(lambda *_: None)
ports = source.services[1]
while ports.pid is None:
    time.sleep(0.01)
time.sleep(0.5)
print(ports.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("hangs", [False, True], ids=["well", "hanging"])
def test_the_process_ends_with_its_daemon(jack: JackServer, hangs: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        if hangs:
            jack.process.send_signal(signal.SIGSTOP)
        parent.kill()
        parent.wait()
        try:
            child.wait(8)
        finally:
            jack.process.send_signal(signal.SIGCONT)
