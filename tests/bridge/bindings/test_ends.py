"""Where a control's way really ends: its knob reaches both of its own ends, exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.bindings.midi import HOLD_NS, MidiRouter
from mula_bridge.control.knobs import knob
from mula_bridge.control.messages.commands import SetKnob
from mula_bridge.control.messages.reports import KnobChanged
from mula_bridge.mapping.file import parse_mapping
from mula_bridge.mapping.model import MappingError

CONTROLS = {
    "cc": ("cc: 7", 127),
    "cc14": ("cc: 7, bits: 14", 16383),
    "cc14 fine first": ("cc: 7, bits: 14, order: lsb_first", 16383),
    "nrpn": ("nrpn: 300", 16383),
    "nrpn 7": ("nrpn: 300, bits: 7", 127),
    "rpn": ("rpn: 300", 16383),
    "pitch bend": ("pitch_bend: true", 16383),
    "pitch bend 7": ("pitch_bend: true, bits: 7", 127),
    "pressure": ("pressure: true", 127),
}


def router(control: str, takeover: str = "jump") -> MidiRouter:
    return MidiRouter(
        parse_mapping(f"""\
version: 1
controllers: {{box: {{out: "*", controls: {{k: {{{control}}}}}}}}}
bindings: [{{from: box.k, to: morph, takeover: {takeover}}}]
""")
    )


def messages(control: str, raw: int) -> list[tuple[int, ...]]:
    """What a control sends when it stands at ``raw``."""
    seven = "bits: 7" in control
    coarse, fine = (raw, 0) if seven else (raw >> 7, raw & 0x7F)
    if control.startswith("pitch"):
        return [(0xE0, fine, coarse)]
    if control.startswith("pressure"):
        return [(0xD0, raw)]
    if control.startswith(("nrpn", "rpn")):
        select = 99 if control.startswith("nrpn") else 101
        data = [(0xB0, select, 2), (0xB0, select - 1, 44), (0xB0, 6, coarse)]
        return data if seven else [*data, (0xB0, 38, fine)]
    if "14" not in control:
        return [(0xB0, 7, raw)]
    halves = [(0xB0, 7, coarse), (0xB0, 39, fine)]
    return halves[::-1] if "lsb" in control else halves


def put(midi: MidiRouter, control: str, raw: int) -> float:
    """Where the knob is after the control has been put at ``raw``."""
    commands = [c for data in messages(control, raw) for c, _ in midi.receive("Box", data, 0)]
    command = commands[-1]
    assert isinstance(command, SetKnob)
    return float(command.value)


@pytest.mark.parametrize(("control", "top"), CONTROLS.values(), ids=CONTROLS)
@given(data=st.data())
def test_both_ends_are_exactly_0_and_1(control: str, top: int, data: st.DataObject) -> None:
    low = data.draw(st.integers(0, top - 1))
    high = data.draw(st.integers(low + 1, top))
    midi = router(f"{control}, ends: [{low}, {high}]")
    raws = sorted({0, low, (low + high) // 2, high, top})
    found = [put(midi, control, raw) for raw in raws]
    assert found == sorted(found)
    assert found[raws.index(low)] == found[0] == 0.0
    assert found[raws.index(high)] == found[-1] == 1.0


def test_a_pitch_bend_fader_and_a_worn_knob() -> None:
    """Ends as they were met: the fader at 7c 7f, the knob at 124."""
    bend = "pitch_bend: true, ends: [0, 15999]"
    midi = router(bend)
    assert midi.receive("Box", (0xE0, 0x7F, 0x7C), 0)[0][0] == SetKnob("morph", 1.0, norm=True)
    midi = router("cc: 7, ends: [2, 124]")
    assert put(midi, "cc: 7", 124) == 1.0
    assert put(midi, "cc: 7", 2) == 0.0


@pytest.mark.parametrize(("control", "top"), CONTROLS.values(), ids=CONTROLS)
def test_a_motor_is_sent_within_its_ends_and_to_both(control: str, top: int) -> None:
    low, high = top // 50, top - top // 40
    midi = router(f"{control}, ends: [{low}, {high}]")
    for value, raw in ((0.0, low), (1.0, high)):
        report = KnobChanged("morph", value, knob("morph").to_norm(value))
        said = [message.data for message in midi.hear(report, None, 10 * HOLD_NS)]
        # A motor is always sent the coarse half first.
        assert sorted(said) == sorted(map(bytes, messages(control, raw)))


@pytest.mark.parametrize("takeover", ["jump", "pickup", "scale"])
def test_the_ends_are_reached_with_every_takeover(takeover: str) -> None:
    midi = router("cc: 7, ends: [2, 124]", takeover)
    midi.hear(KnobChanged("morph", 0.5, 0.5), None, 0)
    for raw in (10, 124):
        midi.receive("Box", (0xB0, 7, raw), 0)
    assert put(midi, "cc: 7", 124) == 1.0
    assert put(midi, "cc: 7", 2) == 0.0


@pytest.mark.parametrize(
    ("control", "complaint"),
    [
        ("cc: 7, ends: [124, 0]", r"the lower end comes first: \[0, 124\]; .*'range'"),
        ("cc: 7, ends: [5, 5]", "ends of 5 and 5 leave nothing to turn"),
        ("cc: 7, ends: [0, 128]", "with 7 bits it sends 0..127, not 128"),
        ("pressure: true, ends: [0, 128]", "with 7 bits it sends 0..127, not 128"),
        ("cc: 7, bits: 14, ends: [0, 16384]", "ends is a whole number 0..16383"),
        ("cc: 7, ends: [-1, 120]", "ends is a whole number 0..16383"),
        ("cc: 7, ends: [0.5, 120]", "ends is a whole number 0..16383"),
        ("cc: 7, ends: [1]", r"ends are two whole numbers: \[low, high\]"),
        ("cc: 7, ends: [1, 2, 3]", r"ends are two whole numbers: \[low, high\]"),
        ("cc: 7, ends: 124", "ends"),
        ("cc: 7, kind: button, ends: [0, 100]", "ends are for what has a position"),
        ("cc: 7, mode: binary_offset, ends: [0, 100]", "ends are for what has a position"),
        ("note: 7, ends: [0, 100]", "ends are for what has a position"),
        ("pressure: false", "write 'pressure: true'"),
    ],
)
def test_senseless_ends_are_refused_in_a_sentence(control: str, complaint: str) -> None:
    with pytest.raises(MappingError, match=complaint):
        router(control)
