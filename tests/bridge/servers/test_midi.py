"""MIDI ports as a source and a listener: with a backend made up here, and over JACK."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter_ns, sleep

import pytest

from mula_bridge.bindings.learn import Learner, Learnt
from mula_bridge.control.knobs import KNOBS, knob
from mula_bridge.control.messages.commands import Command, Generate, LoadPreset, QueryDump, SetKnob
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import Failed, KnobChanged
from mula_bridge.errors import BadInput, Busy, MulaError, Unavailable
from mula_bridge.mapping.file import parse_mapping
from mula_bridge.mapping.model import Mapping
from mula_bridge.midi.backend import Gone, MidiInput, MidiOutput, RtMidi
from mula_bridge.midi.listing import list_ports
from mula_bridge.midi.monitor import monitor
from mula_bridge.midi.reader import Heard
from mula_bridge.servers.midi import MidiSource
from support.jack_server import JackServer, jack_server
from support.local_ports import local
from support.midi_box import Commands, MidiBox, eventually

MAPPING = parse_mapping("""\
version: 1
controllers:
  box:
    in: "Box*"
    out: "Box*"
    controls:
      k: {cc: 16}
      l: {cc: 17}
bindings:
  - {from: box.k, to: cfg}
  - {from: box.l, to: morph}
  - {from: {note: 36, port: "Box*"}, do: generate}
  - {from: {program_change: any}, do: preset.load}
""")
FAST = 0.02


def changed(name: str, value: float) -> KnobChanged:
    return KnobChanged(name, value, knob(name).to_norm(value))


class FakePort:
    """Either kind of port."""

    def __init__(self, system: FakeSystem, name: str) -> None:
        self.system = system
        self.name = name
        self.sent: list[bytes] = []
        self.closed = False
        self.broken = False
        self.why = ""

    def send(self, data: bytes) -> None:
        if self.broken:
            raise Unavailable("the cable burnt")
        self.sent.append(data)

    def lost(self) -> str:
        return self.why

    def close(self) -> None:
        self.closed = True


class FakeSystem:
    """A Backend whose ports come and go as a test says."""

    def __init__(self) -> None:
        self.ins: list[str] = ["Box 1"]
        self.outs: list[str] = ["Box 1"]
        self.here = True
        self.refused: set[str] = set()
        self.opened = 0
        self.heard: dict[str, Heard] = {}
        self.open_inputs: dict[str, FakePort] = {}
        self.open_outputs: dict[str, FakePort] = {}

    def open(self) -> FakeSystem:
        self.opened += 1
        if not self.here:
            raise Unavailable("MIDI unavailable: nothing there")
        return self

    def inputs(self) -> list[str]:
        return list(self.ins)

    def outputs(self) -> list[str]:
        return list(self.outs)

    def listen(self, name: str, heard: Heard) -> MidiInput:
        if name in self.refused:
            raise Unavailable(f"{name} is taken")
        self.heard[name] = heard
        self.open_inputs[name] = FakePort(self, name)
        return self.open_inputs[name]

    def speak(self, name: str) -> MidiOutput:
        if name in self.refused:
            raise Unavailable(f"{name} is taken")
        self.open_outputs[name] = FakePort(self, name)
        return self.open_outputs[name]

    def close(self) -> None:
        pass


class Running:
    """A MidiSource on a made-up system."""

    def __init__(self, mapping: Mapping = MAPPING, pattern: str = "*") -> None:
        self.system = FakeSystem()
        self.emit = Commands()
        self.failures: list[Failed] = []
        self.source = MidiSource(
            mapping,
            pattern,
            failed=self.failures.append,
            ports=local(lambda: self.system.open(), FAST),
        )

    def say(self, *data: int, port: str = "Box 1") -> None:
        self.system.heard[port](bytes(data), perf_counter_ns())

    def sent(self, port: str = "Box 1") -> list[bytes]:
        return self.system.open_outputs[port].sent


@contextmanager
def running(
    prepare: Callable[[FakeSystem], None] = lambda system: None,
    mapping: Mapping = MAPPING,
    pattern: str = "*",
    ports: int = 1,
) -> Iterator[Running]:
    run = Running(mapping, pattern)
    prepare(run.system)
    run.source.start(run.emit)
    try:
        eventually(lambda: len(run.source.ports()) == ports)
        yield run
    finally:
        run.source.stop()


def test_importing_it_loads_no_midi() -> None:
    code = (
        "import sys, mula_bridge.servers.midi, mula_bridge.midi.monitor\n"
        "assert not {'rtmidi', '_rtmidi', 'mido'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_what_a_port_says_becomes_commands_with_an_origin() -> None:
    with running() as run:
        run.say(0xB0, 16, 127)
        run.say(0x90, 36, 10)
        run.say(0xC0, 1)
        eventually(lambda: len(run.emit.taken) == 3)
        assert run.emit.commands == [SetKnob("cfg", 1.0, norm=True), Generate(), LoadPreset(2)]
        assert run.emit.taken[0][1] == Origin("midi", ("Box 1", "box.k"))


def test_a_burst_loses_nothing_and_keeps_its_order() -> None:
    with running() as run:
        for index in range(10_000):
            run.say(0xB0, 16, index % 128)
        eventually(lambda: len(run.emit.taken) == 10_000)
        values = [command.value for command in run.emit.commands if isinstance(command, SetKnob)]
        assert values == [index % 128 / 127 for index in range(10_000)]


def test_it_asks_for_every_knob_when_it_starts() -> None:
    asked: list[Command] = []
    source = MidiSource(MAPPING, ports=local(FakeSystem().open, FAST))
    source.start(lambda command, _: asked.append(command))
    source.stop()
    assert asked == [QueryDump()]


def test_only_ports_that_something_is_mapped_to_are_opened() -> None:
    only_box = parse_mapping("version: 1\nbindings: [{from: {cc: 1, port: 'Box*'}, to: cfg}]")

    def prepare(system: FakeSystem) -> None:
        system.ins = ["Box 1", "Piano", "Box 2"]

    with running(prepare, only_box, ports=2) as run:
        assert run.source.ports() == ["Box 1", "Box 2"]
    with running(prepare, only_box, pattern="*2") as run:
        assert run.source.ports() == ["Box 2"]


def test_ports_that_come_and_go() -> None:
    with running() as run:
        first = run.system.open_inputs["Box 1"]
        run.system.ins = []
        eventually(lambda: run.source.ports() == [])
        assert first.closed
        run.system.ins = ["Box 1"]
        eventually(lambda: run.source.ports() == ["Box 1"])
        assert run.system.open_inputs["Box 1"] is not first
        run.say(0xB0, 16, 127)
        eventually(lambda: run.emit.commands == [SetKnob("cfg", 1.0, norm=True)])


def test_stop_closes_everything() -> None:
    with running() as run:
        eventually(lambda: run.system.open_outputs)
    assert run.system.open_inputs["Box 1"].closed
    assert run.system.open_outputs["Box 1"].closed
    run.source.stop()


def test_no_midi_is_said_once_and_looked_for_again() -> None:
    run = Running()
    run.system.here = False
    run.source.start(run.emit)
    try:
        eventually(lambda: run.system.opened >= 3)
        assert [(f.address, f.code, f.text) for f in run.failures] == [
            ("midi", "unavailable", "MIDI unavailable: nothing there")
        ]
        run.system.here = True
        eventually(lambda: run.source.ports() == ["Box 1"])
    finally:
        run.source.stop()


def test_a_port_that_cannot_be_opened_is_said_once_and_is_not_open() -> None:
    with running(lambda system: system.refused.add("Box 1"), ports=0) as run:
        eventually(lambda: run.failures)
        sleep(FAST * 5)
        eventually(lambda: run.source.ports() == [])
        assert run.failures == [Failed("Box 1", "unavailable", "Box 1 is taken")]


def test_a_port_that_went_while_it_was_opened_is_no_failure() -> None:
    class Fleeting(FakeSystem):
        def listen(self, name: str, heard: Heard) -> MidiInput:
            if self.opened < 3:
                self.opened += 1
                raise Gone("it was here a moment ago")
            return super().listen(name, heard)

    run = Running()
    run.system = Fleeting()
    run.source.start(run.emit)
    eventually(lambda: run.source.ports() == ["Box 1"])
    run.source.stop()
    assert run.failures == []


def test_lights_are_sent_in_full_on_connect_and_follow_then() -> None:
    with running() as run:
        eventually(lambda: run.system.open_outputs)
        at_first = {bytes((0xB0, 16, 16)), bytes((0xB0, 17, 0))}
        eventually(lambda: len(run.sent()) == 4)
        assert set(run.sent()) == at_first
        run.source.report(changed("cfg", 5.0), to=None, but=None)
        eventually(lambda: run.sent()[-1] == bytes((0xB0, 16, 127)))


def test_answers_to_others_are_not_ours() -> None:
    with running() as run:
        eventually(lambda: run.system.open_outputs and len(run.sent()) == 4)
        run.source.report(changed("cfg", 5.0), to=Origin("osc"), but=None)
        run.source.report(changed("morph", 1.0), to=Origin("midi"), but=None)
        eventually(lambda: run.sent()[-1] == bytes((0xB0, 17, 127)))
        assert bytes((0xB0, 16, 127)) not in run.sent()


def test_a_control_hears_nothing_of_its_own_moves() -> None:
    with running() as run:
        eventually(lambda: run.system.open_outputs and len(run.sent()) == 4)
        run.say(0xB0, 16, 64)
        eventually(lambda: run.emit.taken)
        _, origin = run.emit.taken[0]
        news = changed("cfg", float(KNOBS["cfg"].from_norm(64 / 127)))
        run.source.report(news, to=None, but=origin)
        run.source.report(news, to=origin, but=None)
        sleep(0.4)
        assert len(run.sent()) == 4


def test_an_output_that_breaks_is_dropped_and_said() -> None:
    with running() as run:
        eventually(lambda: run.system.open_outputs and len(run.sent()) == 4)
        broken = run.system.open_outputs["Box 1"]
        broken.broken = True
        run.source.report(changed("cfg", 5.0), to=None, but=None)
        eventually(lambda: run.failures)
        assert broken.closed
        assert run.failures[0] == Failed("Box 1", "unavailable", "the cable burnt")
        eventually(lambda: run.system.open_outputs["Box 1"] is not broken)


def test_another_mapping_counts_from_the_next_message_on() -> None:
    with running() as run:
        run.source.reload(parse_mapping("version: 1\nbindings: [{from: {cc: 16}, to: bpm}]"))
        run.say(0xB0, 16, 0)
        eventually(lambda: run.emit.commands == [SetKnob("bpm", 0.0, norm=True)])
        eventually(lambda: run.system.open_outputs["Box 1"].closed)


def test_refresh_sends_every_light_again() -> None:
    with running() as run:
        eventually(lambda: run.system.open_outputs and len(run.sent()) == 4)
        run.source.refresh()
        eventually(lambda: len(run.sent()) == 4)


def test_learning_takes_what_is_touched_instead_of_moving_knobs() -> None:
    def prepare(system: FakeSystem) -> None:
        system.ins = ["Box 1", "Unmapped 20:0"]

    only_box = parse_mapping("version: 1\nbindings: [{from: {cc: 1, port: 'Box*'}, to: cfg}]")
    learnt: list[Learnt | MulaError] = []
    with running(prepare, only_box) as run:
        run.source.learn(Learner("morph"), learnt.append)
        eventually(lambda: len(run.source.ports()) == 2)
        run.say(0xB0, 123, 0)
        eventually(lambda: [failure.code for failure in run.failures] == ["bad_input"])
        for value in range(10):
            run.say(0xB0, 74, value, port="Unmapped 20:0")
        eventually(lambda: run.source.ports() == ["Box 1"])
        assert learnt == [Learnt("morph", "Unmapped*", {"cc": 74, "channel": 1})]
        run.say(0xB0, 1, 0)
        eventually(lambda: run.emit.commands == [SetKnob("cfg", 0.0, norm=True)])


def test_learning_ends_with_a_reason_when_nothing_is_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mula_bridge.bindings.learn.GIVE_UP_NS", 50_000_000)
    ended: list[Learnt | MulaError] = []
    with running() as run:
        run.source.learn(Learner("morph"), ended.append)
        eventually(lambda: ended)
        assert "nothing was learnt for morph: no MIDI control spoke" in str(ended[0])
        run.say(0xB0, 16, 127)
        eventually(lambda: run.emit.commands == [SetKnob("cfg", 1.0, norm=True)])


def test_learning_can_be_given_up() -> None:
    with running() as run:
        run.source.learn(Learner("morph"), lambda _: None)
        run.say(0xB0, 16, 0)
        run.source.stop_learning()
        run.say(0xB0, 16, 127)
        eventually(lambda: run.emit.commands == [SetKnob("cfg", 1.0, norm=True)])


def test_a_session_that_refuses_is_reported_and_the_worker_goes_on() -> None:
    with running() as run:
        run.emit.error = Busy("no room")
        run.say(0xB0, 16, 0)
        eventually(lambda: run.failures == [Failed("box.k", "busy", "no room")])
        run.say(0xB0, 16, 0)
        eventually(lambda: run.emit.taken)


def test_a_bug_does_not_leave_the_knobs_dead(caplog: pytest.LogCaptureFixture) -> None:
    with running() as run:
        run.emit.error = ZeroDivisionError("oops")
        run.say(0xB0, 16, 0)
        eventually(lambda: run.failures)
        assert "ZeroDivisionError" in run.failures[0].text
        run.say(0xB0, 16, 0)
        eventually(lambda: run.emit.taken)
    assert "midi: a message of Box 1 failed" in caplog.text


def test_a_system_that_is_not_there() -> None:
    with pytest.raises(BadInput, match="unknown MIDI system 'jak'; did you mean jack"):
        RtMidi("jak")
    if sys.platform == "linux":
        with pytest.raises(Unavailable, match="MIDI unavailable: no core on this system"):
            list_ports("core")


def test_a_jack_server_that_is_not_there() -> None:
    # In a process of its own: libjack keeps state that other tests' clients share.
    code = (
        "from mula_bridge.midi import list_ports\n"
        "from mula_bridge.errors import Unavailable\n"
        "try:\n    list_ports('jack')\n"
        "except Unavailable as error:\n    assert str(error).startswith('MIDI unavailable: ')\n"
        "else:\n    raise AssertionError\n"
    )
    env = {**os.environ, "JACK_DEFAULT_SERVER": "mula-nowhere", "JACK_NO_START_SERVER": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30, env=env)


# --- over JACK ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def jack() -> Iterator[JackServer]:
    with jack_server() as server:
        yield server


@contextmanager
def over_jack() -> Iterator[tuple[MidiSource, Commands]]:
    emit = Commands()
    failures: list[Failed] = []
    source = MidiSource(MAPPING, api="jack", failed=failures.append, poll_seconds=0.1)
    source.start(emit)
    try:
        yield source, emit
    finally:
        source.stop()
    assert failures == []


@pytest.mark.jack
def test_jack_knobs_and_lights(jack: JackServer) -> None:
    with MidiBox() as box, over_jack() as (source, emit):
        box.turn_until(lambda: emit.taken, 0xB3, 16, 127)
        box.turn_until(lambda: Generate() in emit.commands, 0x90, 36, 1)
        box.turn_until(lambda: LoadPreset(1) in emit.commands, 0xC0, 0)
        assert emit.commands[0] == SetKnob("cfg", 1.0, norm=True)
        eventually(lambda: bytes((0xB0, 17, 0)) in box.seen)
        source.report(changed("morph", 1.0), to=None, but=None)
        eventually(lambda: bytes((0xB0, 17, 127)) in box.seen)


@pytest.mark.jack
def test_jack_burst(jack: JackServer) -> None:
    """In order, and up to the last value. A starved JACK drops some; we drop none (see above)."""
    with MidiBox() as box, over_jack() as (_, emit):
        box.turn_until(lambda: emit.taken, 0xB0, 16, 0)
        emit.taken.clear()
        for index in range(2000):
            box.turn(0xB0, 16, index % 100)
            if index % 100 == 99:
                sleep(0.01)
        box.turn_until(
            lambda: emit.commands[-1:] == [SetKnob("cfg", 1.0, norm=True)], 0xB0, 16, 127
        )
        assert len(emit.taken) > 1000


@pytest.mark.jack
def test_jack_hot_plug(jack: JackServer) -> None:
    with over_jack() as (source, emit):
        for _ in range(2):
            emit.taken.clear()
            with MidiBox() as box:
                box.turn_until(lambda: emit.taken, 0xB0, 16, 0)
                assert source.ports() == ["Box:knobs"]
            eventually(lambda: source.ports() == [])


@pytest.mark.jack
def test_jack_lists_others_ports_only(jack: JackServer) -> None:
    with MidiBox(), over_jack() as (source, _):
        eventually(lambda: source.ports() == ["Box:knobs"])
        assert list_ports("jack") == (["Box:knobs"], ["Box lights:lights"])


@pytest.mark.jack
def test_jack_passes_clock_on(jack: JackServer) -> None:
    """rtmidi drops 0xF8 unless told otherwise."""
    heard: list[bytes] = []
    with (
        MidiBox() as box,
        closing(RtMidi("jack")) as backend,
        closing(backend.listen("Box:knobs", lambda data, _: heard.append(data))),
    ):
        box.turn_until(lambda: heard, 0xF8)
        assert set(heard) == {b"\xf8"}


@pytest.mark.jack
def test_jack_says_when_a_port_has_gone_since(jack: JackServer) -> None:
    with closing(RtMidi("jack")) as backend:
        with pytest.raises(Gone, match="MIDI port 'Box:knobs' is gone"):
            backend.listen("Box:knobs", lambda *_: None)
        with pytest.raises(Gone):
            backend.speak("Box:lights")


@pytest.mark.jack
def test_jack_monitor_says_what_is_touched(jack: JackServer) -> None:
    lines: list[str] = []
    stop = threading.Event()
    thread = threading.Thread(
        target=monitor, args=(lines.append, "Box*", "jack"), kwargs={"stop": stop}
    )
    with MidiBox() as box:
        thread.start()
        try:
            eventually(lambda: lines)
            box.turn(0xF8)
            box.turn_until(lambda: len(lines) >= 2, 0xB0, 16, 64)
        finally:
            stop.set()
            thread.join()
    assert lines[0] == "listening to Box:knobs"
    assert set(lines[1:]) == {"Box:knobs: cc 16 channel 1 = 64"}


AFTER_THE_SERVER = """
import sys, time
sys.path[:0] = sys.argv[1:]
from support.jack_server import jack_server
from mula_bridge.mapping.file import parse_mapping
from mula_bridge.servers.midi import MidiSource
from mula_bridge.control.messages.reports import KnobChanged

mapping = parse_mapping(
    "version: 1\\ncontrollers: {any: {out: '*', controls: {k: {cc: 1}}}}\\n"
    "bindings: [{from: any.k, to: cfg}]"
)
with jack_server(1024) as server:
    import rtmidi
    out = rtmidi.MidiOut(rtapi=rtmidi.API_UNIX_JACK, name="Box")
    out.open_virtual_port("knobs")
    source = MidiSource(mapping, api="jack", poll_seconds=0.05)
    source.start(lambda *_: None)
    while not source.ports():
        time.sleep(0.01)
    server.stop()
    source.report(KnobChanged("cfg", 5.0, 1.0), to=None, but=None)
    time.sleep(0.3)
    source.stop()
    out.close_port()
    out.delete()
print("still alive")
"""


@pytest.mark.jack
def test_jack_going_away_takes_nothing_down_with_it(jack: JackServer) -> None:
    tests = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", AFTER_THE_SERVER, str(tests)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("still alive\n")
