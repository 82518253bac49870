"""From a report to the light of a button, and from its press to a command: the whole way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns

import pytest

from mula_bridge.bindings.midi import MidiRouter
from mula_bridge.control.actions import ACTIONS, Action, Press
from mula_bridge.control.lamps import Lamps
from mula_bridge.control.messages.commands import Live
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import Failed, LiveChanged, Report
from mula_bridge.errors import Unavailable
from mula_bridge.mapping.bundled import bundled_names, mapping_paths
from mula_bridge.mapping.file import load_mapping, parse_mapping
from mula_bridge.mapping.model import Mapping
from mula_bridge.midi.reader import Heard
from mula_bridge.servers.midi import MidiSource
from support.jack_server import jack_server
from support.local_ports import local
from support.midi_box import Commands, MidiBox, eventually
from support.reports import WORD, examples, switching

STATEFUL = [row for row in ACTIONS.values() if row.has_state]
SHIPPED = [
    (name, index)
    for name in bundled_names()
    for index, binding in enumerate(load_mapping(mapping_paths(name)).bindings)
    if isinstance(binding.target, Action)
    and binding.target.row.has_state
    and binding.feedback
    and binding.controller.output is not None
]


class Box:
    """A Backend with one port, both ways."""

    def __init__(self, name: str = "Box") -> None:
        self.name = name
        self.heard: Heard
        self.seen: list[bytes] = []

    def inputs(self) -> list[str]:
        return [self.name]

    outputs = inputs

    def listen(self, name: str, heard: Heard) -> Box:
        self.heard = heard
        return self

    def speak(self, name: str) -> Box:
        return self

    def send(self, data: bytes) -> None:
        self.seen.append(data)

    def lost(self) -> str:
        return ""

    def close(self) -> None: ...

    def press(self, *data: int) -> None:
        self.heard(bytes(data), perf_counter_ns())


def button(action: str) -> Mapping:
    return parse_mapping(f"""\
version: 1
controllers: {{box: {{in: "Box*", out: "Box*", controls: {{b: {{note: 36}}}}}}}}
bindings: [{{from: box.b, do: {action}}}]
""")


@contextmanager
def plugged(mapping: Mapping, box: Box) -> Iterator[tuple[MidiSource, Commands]]:
    emit = Commands()
    source = MidiSource(mapping, ports=local(lambda: box, 0.01))
    source.start(emit)
    try:
        # Lights are told twice of a new port: it may miss the first time.
        eventually(lambda: len(box.seen) == 2)
        yield source, emit
    finally:
        source.stop()


def tell(source: MidiSource, report: Report, to: Origin | None = None) -> None:
    source.report(report, to=to, but=None)


@pytest.mark.parametrize("row", STATEFUL, ids=lambda row: row.name)
def test_the_state_of_every_action_reaches_its_button_and_the_next_press(row) -> None:  # type: ignore[no-untyped-def]
    action, on, off = switching(row)
    box = Box()
    with plugged(button(f"{row.name} {action.argument}".strip()), box) as (source, emit):
        for report, velocity in ((on, 127), (off, 0), (on, 127)):
            box.seen.clear()
            tell(source, report)
            eventually(lambda velocity=velocity: box.seen[-1:] == [bytes((0x90, 36, velocity))])  # type: ignore[misc]
        box.press(0x90, 36, 100)
        eventually(lambda: emit.commands == [row.command(action.argument, Press(None, False))])


@pytest.mark.parametrize("kind", MidiRouter.HEARD, ids=lambda kind: kind.__name__)
def test_every_report_that_a_router_makes_something_of_gets_to_it(
    kind: type[Report], monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[Report] = []
    monkeypatch.setattr(MidiRouter, "hear", lambda self, report, *_: got.append(report) or [])
    report = next(examples(kind)) if kind in Lamps.HEARD else kind("cfg", 1.5, 0.125)  # type: ignore[call-arg]
    with plugged(button("generate"), Box()) as (source, _):
        tell(source, report)
        eventually(lambda: got == [report])


@pytest.mark.parametrize(("name", "index"), SHIPPED, ids=lambda part: str(part))
def test_every_light_of_a_shipped_map_goes_on(name: str, index: int) -> None:
    mapping = load_mapping(mapping_paths(name))
    binding = mapping.bindings[index]
    assert isinstance(binding.target, Action)
    _, on, _ = switching(binding.target.row, binding.target.argument)
    router = MidiRouter(mapping)
    dark, lit = router.everything(), [message.data for message in router.hear(on, None, 0)]
    assert lit
    assert set(lit) - {message.data for message in dark}


@pytest.mark.jack
def test_jack_lights_of_a_shipped_map() -> None:
    mapping = load_mapping(mapping_paths("korg-nanokontrol2"))
    with jack_server(), MidiBox("nanoKONTROL2") as box:
        source = MidiSource(mapping, api="jack", poll_seconds=0.05)
        source.start(Commands())
        try:
            # JACK connects an output a little after it is listed.
            eventually(lambda: bytes((0xB0, 60, 0)) in box.seen, timeout=15)
            for name, number in (
                ("generate", 41), ("live", 60), ("audition.play", 64),
                ("audition.favourite", 67), ("audition.loop", 68),
            ):  # fmt: skip
                _, on, off = switching(ACTIONS[name])
                for report, value in ((on, 127), (off, 0)):
                    box.seen.clear()
                    tell(source, report)
                    eventually(lambda n=number, v=value: bytes((0xB0, n, v)) in box.seen)  # type: ignore[misc]
        finally:
            source.stop()


# --- what a press believed, and what came of it ---------------------------------------------------


def test_a_press_that_was_refused_leaves_the_light_as_it_was_and_the_next_one_asks_again() -> None:
    box = Box()
    with plugged(button(f"tag {WORD}"), box) as (source, emit):
        row = ACTIONS["tag"]
        for _ in range(2):
            emit.taken.clear()
            box.press(0x90, 36, 100)
            eventually(lambda: emit.commands == [row.command(WORD, Press(None, True))])
            box.seen.clear()
            tell(source, Failed("box.b", "bad_input", "no such tag"), to=emit.taken[0][1])
            eventually(lambda: box.seen[-1:] == [bytes((0x90, 36, 0))])
            box.press(0x90, 36, 0)


def test_a_press_that_the_session_has_no_room_for_is_not_believed() -> None:
    box = Box()
    with plugged(button("audition.loop"), box) as (_, emit):
        emit.error = Unavailable("no room")
        box.press(0x90, 36, 100)
        eventually(lambda: emit.error is None)
        box.press(0x90, 36, 0)
        box.press(0x90, 36, 100)
        eventually(lambda: emit.commands == [ACTIONS["audition.loop"].command("", Press())])


def test_failures_of_others_change_no_belief() -> None:
    box = Box()
    with plugged(button("audition.loop"), box) as (source, emit):
        box.press(0x90, 36, 100)
        eventually(lambda: emit.taken)
        tell(source, Failed("/mula/knob/cfg", "bad_input", "no"))
        box.press(0x90, 36, 0)
        box.press(0x90, 36, 100)
        eventually(lambda: len(emit.taken) == 2)
        row = ACTIONS["audition.loop"]
        assert emit.commands == [row.command("", Press(None, on)) for on in (True, False)]


# --- boxes that put a button's light out by themselves --------------------------------------------


@pytest.mark.parametrize("released", [(0x90, 36, 0), (0x80, 36, 64)], ids=["velocity 0", "off"])
def test_a_light_is_told_once_more_after_each_message_of_its_button(
    released: tuple[int, ...],
) -> None:
    box = Box()
    with plugged(button("live"), box) as (source, emit):
        tell(source, LiveChanged(True))
        eventually(lambda: box.seen[-1:] == [bytes((0x90, 36, 127))])
        for message in ((0x90, 36, 100), released):
            box.seen.clear()
            box.press(*message)
            eventually(lambda: box.seen == [bytes((0x90, 36, 127))])
        assert emit.commands == [Live()]
