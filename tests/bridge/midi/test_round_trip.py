"""What a control sends is what its light is sent back, for every knob and every value."""

from __future__ import annotations

import pytest

from mula_bridge.bindings.midi import HOLD_NS, MidiRouter
from mula_bridge.control.knobs import KNOBS, knob
from mula_bridge.control.messages.commands import SetKnob
from mula_bridge.control.messages.reports import KnobChanged
from mula_bridge.mapping.file import parse_mapping


def router(name: str, control: str, extra: str = "") -> MidiRouter:
    return MidiRouter(
        parse_mapping(
            f"version: 1\ncontrollers: {{box: {{out: '*', controls: {{k: {control}}}}}}}\n"
            f"bindings: [{{from: box.k, to: {name}{extra}}}]"
        )
    )


def fed_back(midi: MidiRouter, now_ns: int, *messages: bytes) -> list[bytes]:
    """What comes back, once the hand is still, for the value that the messages set."""
    commands = [command for data in messages for command, _ in midi.receive("Box", data, now_ns)]
    command = commands[-1]
    assert isinstance(command, SetKnob)
    row = knob(command.name)
    value = row.from_norm(float(command.value)) if command.norm else row.coerce(command.value)
    news = KnobChanged(command.name, value, row.to_norm(value))
    return [message.data for message in midi.hear(news, None, now_ns + HOLD_NS)]


@pytest.mark.parametrize("name", KNOBS)
def test_every_7_bit_value_comes_back(name: str) -> None:
    midi = router(name, "{cc: 16}")
    for value in (*range(128), *reversed(range(128))):
        message = bytes((0xB2, 16, value))
        assert fed_back(midi, 0, message) == [message]


@pytest.mark.parametrize("name", [name for name, row in KNOBS.items() if not row.choices])
def test_with_a_range_that_is_turned_round_too(name: str) -> None:
    row = KNOBS[name]
    midi = router(name, "{cc: 16}", f", range: [{row.maximum:.0f}, {row.minimum:.0f}]")
    for value in range(128):
        message = bytes((0xB0, 16, value))
        assert fed_back(midi, 0, message) == [message]


@pytest.mark.parametrize("name", KNOBS)
def test_14_bit_values_come_back_in_every_kind(name: str) -> None:
    pair, bend, nrpn = (
        router(name, control)
        for control in ("{cc: 1, bits: 14}", "{pitch_bend: true}", "{nrpn: 300}")
    )
    for value in (0, 1, 127, 128, 5000, 8191, 8192, 8193, 16256, 16382, 16383):
        coarse, fine = value >> 7, value & 0x7F
        halves = [bytes((0xB0, 1, coarse)), bytes((0xB0, 33, fine))]
        assert fed_back(pair, 0, *halves) == halves
        whole = bytes((0xE0, fine, coarse))
        assert fed_back(bend, 0, whole) == [whole]
        four = [bytes((0xB0, *two)) for two in ((99, 2), (98, 44), (6, coarse), (38, fine))]
        assert fed_back(nrpn, 0, *four) == four
