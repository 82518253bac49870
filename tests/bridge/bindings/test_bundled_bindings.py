"""Every binding of every shipped map: what its control sends does what the file says.

The files are read here as plain YAML, and the messages are made from MIDI's and OSC's
own rules, so that nothing of ours vouches for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from pytest import approx

from mula_bridge.bindings.midi import MidiRouter
from mula_bridge.bindings.osc import OscBindings
from mula_bridge.control.knobs import KNOBS, Knobs, KnobValue
from mula_bridge.control.messages.commands import (
    AuditionCompare,
    AuditionLoop,
    AuditionPlay,
    AuditionStep,
    AuditionStop,
    Cancel,
    Capture,
    Command,
    Favourite,
    Generate,
    Judge,
    Live,
    LoadPreset,
    MakeMore,
    Panic,
    Reroll,
    ResetKnob,
    SetKnob,
    Stop,
    ToggleTag,
    UndoJudgement,
)
from mula_bridge.control.messages.states import Status
from mula_bridge.mapping.bundled import bundled_folder, bundled_names, mapping_paths
from mula_bridge.mapping.file import load_mapping, parse_mapping
from mula_bridge.mapping.model import Mapping

EVERY_KIND = """\
version: 1
controllers:
  box:
    in: "Box*"
    controls:
      coarse: {cc: 3, channel: 2}
      fine: {cc: 1, bits: 14}
      fine_first: {cc: 2, bits: 14, order: lsb_first, channel: 5}
      nrpn: {nrpn: 300, channel: 2}
      rpn: {rpn: 5}
      nrpn7: {nrpn: 301, bits: 7}
      bend: {pitch_bend: true, channel: 9}
      two: {cc: 20, mode: twos_complement, step: 0.25}
      offset: {cc: 21, mode: binary_offset, step: 0.25}
      dec: {cc: 22, mode: sign_bit_dec, step: 0.25}
      inc: {cc: 23, mode: sign_bit_inc, step: 0.25, channel: 16}
      pad: {note: 36}
      button: {cc: 50, kind: button}
      program: {program_change: 7}
bindings:
  - {from: box.coarse, to: top_k, takeover: scale}
  - {from: box.fine, to: top_k}
  - {from: box.fine_first, to: cfg, range: [4, 1]}
  - {from: box.nrpn, to: gain_db, takeover: pickup}
  - {from: box.rpn, to: key}
  - {from: box.nrpn7, to: bars}
  - {from: box.bend, to: morph}
  - {from: box.two, to: cfg}
  - {from: box.offset, to: temperature}
  - {from: box.dec, to: bpm, range: [90, 180]}
  - {from: box.inc, to: pace}
  - {from: box.pad, to: morph, range: [0, 0.8]}
  - {from: box.button, do: reset cfg}
  - {from: box.program, do: generate}
  - {from: {program_change: any, port: "Box*"}, do: preset.load}
  - {from: {cc: 16, port: "Other*"}, do: tag Hip-Hop}
  - {from: {osc: /1/fader1, range: [0, 127]}, to: cfg, takeover: pickup}
  - {from: {osc: /1/push1}, do: preset.load one}
  - {from: {osc: /1/push2, kind: button}, to: cfg}
presets:
  one: {cfg: 2}
"""

Messages = list[tuple[int, ...]]
UP = {"twos_complement": 1, "binary_offset": 65, "sign_bit_dec": 1, "sign_bit_inc": 65}
DOWN = {"twos_complement": 127, "binary_offset": 63, "sign_bit_dec": 65, "sign_bit_inc": 1}


@dataclass(frozen=True)
class Case:
    """One binding as its file has it."""

    map: str
    mapping: Mapping
    port: str
    source: dict[str, Any]
    binding: dict[str, Any]

    def __str__(self) -> str:
        return (
            f"{self.map}: {self.binding['from']} {self.binding.get('to', self.binding.get('do'))}"
        )


def read(name: str, text: str, mapping: Mapping) -> Iterator[Case]:
    document = yaml.safe_load(text)
    for binding in document["bindings"]:
        source, pattern = binding["from"], "*"
        if isinstance(source, str):
            controller, _, word = source.partition(".")
            pattern = document["controllers"][controller].get("in", "*")
            source = document["controllers"][controller]["controls"][word]
        port = source.get("port", pattern).replace("*", " 1")
        yield Case(name, mapping, port, source, binding)


def cases() -> Iterator[Case]:
    yield from read("every kind", EVERY_KIND, parse_mapping(EVERY_KIND))
    for name in bundled_names():
        text = (bundled_folder() / f"{name}.yaml").read_text(encoding="utf-8")
        yield from read(name, text, load_mapping(mapping_paths(name)))


CASES = list(cases())
NUMBERED = [pytest.param(case, id=str(case)) for case in CASES]


def messages(source: dict[str, Any], end: float) -> Messages:
    """What a control sends at one of its ends, or when it is pressed (1) or let go (0)."""
    channel = source.get("channel", "any")
    number = 0 if channel == "any" else channel - 1
    change, top, fine = 0xB0 | number, round(127 * end), round(127 * end)
    parameter = [(99, 98), (101, 100)]["rpn" in source]
    match source:
        case {"mode": mode, "cc": cc} if mode != "absolute":
            return [(change, cc, (UP if end else DOWN)[mode])] * 4
        case {"cc": cc, "bits": 14}:
            halves = [(change, cc, top), (change, cc + 32, fine)]
            return halves[::-1] if source.get("order") == "lsb_first" else halves
        case {"cc": cc}:
            return [(change, cc, top)]
        case {"nrpn": which} | {"rpn": which}:
            select: Messages = [
                (change, parameter[0], which >> 7),
                (change, parameter[1], which & 0x7F),
                (change, 6, top),
            ]
            return select if source.get("bits") == 7 else [*select, (change, 38, fine)]
        case {"pitch_bend": True}:
            return [(0xE0 | number, fine, top)]
        case {"note": note}:
            return [(0x90 | number, note, 100)] if end else [(0x80 | number, note, 0)]
        case {"program_change": program}:
            return [(0xC0 | number, 2 if program == "any" else program)] if end else []
    raise AssertionError(source)


def knobs(name: str, value: KnobValue) -> Knobs:
    return Knobs({name: value})


def sent(case: Case, ends: list[float], start: Knobs) -> list[Command]:
    """The commands of a control that goes from end to end, on knobs that stand at ``start``."""
    commands: list[Command] = []
    if "osc" in case.source:
        low, high = case.source.get("range", [0, 1])
        osc = OscBindings(case.mapping, start)
        came = (osc.command(case.source["osc"], (low + (high - low) * end,)) for end in ends)
        return [command for command in came if command is not None]
    midi = MidiRouter(case.mapping, start)
    for end in ends:
        for data in messages(case.source, end):
            commands += [command for command, _ in midi.receive(case.port, data, 0)]
    return commands


def expected_ends(case: Case) -> tuple[KnobValue, KnobValue]:
    row = KNOBS[case.binding["to"]]
    if "range" in case.binding:
        first, last = case.binding["range"]
        return row.coerce(first), row.coerce(last)
    return row.from_norm(0.0), row.from_norm(1.0)


def effective(command: Command) -> KnobValue:
    assert isinstance(command, SetKnob)
    row = KNOBS[command.name]
    return row.from_norm(float(command.value)) if command.norm else row.coerce(command.value)


def is_button(source: dict[str, Any]) -> bool:
    return source.get("kind") == "button" or "note" in source


@pytest.mark.parametrize("case", [p for p in NUMBERED if "to" in p.values[0].binding])
def test_a_knob_reaches_both_ends(case: Case) -> None:
    name = case.binding["to"]
    low, high = expected_ends(case)
    for end, there, other in ((0.0, low, high), (1.0, high, low)):
        if is_button(case.source):
            commands = sent(case, [1.0, 0.0], knobs(name, other))
        elif case.binding.get("takeover", "jump") == "jump":
            commands = sent(case, [end], knobs(name, other))
        else:  # it has the knob once it has been where the knob is
            commands = sent(case, [1.0 - end, end], knobs(name, other))
        assert {command.name for command in commands if isinstance(command, SetKnob)} == {name}
        assert effective(commands[-1]) == (there if isinstance(there, str) else approx(there))
        assert all(isinstance(command, SetKnob) for command in commands)


DECK: dict[str, Command] = {
    "play": AuditionPlay(),
    "stop": AuditionStop(),
    "next": AuditionStep(1),
    "prev": AuditionStep(-1),
    "ab": AuditionCompare(),
    "keep": Judge(Status.KEPT),
    "reject": Judge(Status.REJECTED),
    "undo": UndoJudgement(),
    "favourite": Favourite(True),
    "loop": AuditionLoop(True),
}


def meant(text: str, program: int | None) -> Command:
    """What an action is, written down a second time."""
    word, _, rest = text.partition(" ")
    match word:
        case "generate":
            return Generate()
        case "cancel":
            return Cancel()
        case "stop":
            return Stop()
        case "panic":
            return Panic()
        case "live":
            return Live()
        case "capture":
            return Capture()
        case "reroll":
            return Reroll()
        case "more":
            return MakeMore()
        case _ if word.startswith("audition."):
            return DECK[word.removeprefix("audition.")]
        case "reset":
            return ResetKnob(rest)
        case "tag":
            return ToggleTag(rest, True)
        case "preset.load" if rest:
            return LoadPreset(int(rest) if rest.isdecimal() else rest)
        case "preset.load":
            assert program is not None
            return LoadPreset(program + 1)
    raise AssertionError(text)


@pytest.mark.parametrize("case", [p for p in NUMBERED if "do" in p.values[0].binding])
def test_a_press_does_what_it_says_and_a_release_nothing(case: Case) -> None:
    program = 2 if case.source.get("program_change") == "any" else None
    assert sent(case, [1.0, 0.0], Knobs()) == [meant(case.binding["do"], program)]
    assert sent(case, [0.0], Knobs()) == []


def test_nothing_was_left_out() -> None:
    for name in bundled_names():
        mapping = load_mapping(mapping_paths(name))
        count = sum(case.map == name for case in CASES)
        assert count == len(mapping.bindings) + len(mapping.osc) > 0
