"""Events to commands and reports to lights, through a mapping, without any port."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.bindings.midi import HOLD_NS, MidiRouter
from mula_bridge.control.knobs import KNOBS, Knobs, KnobValue, knob
from mula_bridge.control.messages.commands import (
    Command,
    Generate,
    LoadPreset,
    Quantised,
    SetKnob,
    ToggleTag,
)
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import (
    JobChanged,
    KnobChanged,
    LiveChanged,
    Progress,
    TagsChanged,
)
from mula_bridge.control.messages.states import JobState, Prompt
from mula_bridge.mapping.file import parse_mapping

PORT = "Box:knobs"
MS = 1_000_000
LATER = 10 * HOLD_NS


def router(bindings: str, controls: str = "") -> MidiRouter:
    """A router for one box with an output, whose control ``k`` is CC 16."""
    box = f"{{in: 'Box*', out: 'Box*', controls: {{k: {{cc: 16}}{controls}}}}}"
    text = f"version: 1\ncontrollers: {{box: {box}}}\nbindings: [{bindings}]\n"
    return MidiRouter(parse_mapping(text))


def send(midi: MidiRouter, *data: int, port: str = PORT, at: int = LATER) -> list[Command]:
    return [command for command, _ in midi.receive(port, data, at)]


def hear(
    midi: MidiRouter, name: str, value: KnobValue, mover: Origin | None = None, at: int = LATER
) -> list[bytes]:
    report = KnobChanged(name, value, knob(name).to_norm(value))
    return [message.data for message in midi.hear(report, mover, at)]


def test_a_quantised_binding_wraps_what_it_sends() -> None:
    midi = router(
        "{from: box.k, to: cfg, quantize: bar}, {from: box.p, do: generate, quantize: 2bars}",
        ", p: {note: 36}",
    )
    assert send(midi, 0xB0, 16, 127) == [Quantised(SetKnob("cfg", 1.0, norm=True), 4)]
    assert send(midi, 0x90, 36, 100) == [Quantised(Generate(), 8)]
    assert send(midi, 0x90, 36, 0) == []


# --- commands -----------------------------------------------------------------------------------


def test_a_knob_sets_by_travel_and_says_who_it_is() -> None:
    midi = router("{from: box.k, to: cfg}")
    ((command, origin),) = midi.receive(PORT, (0xB4, 16, 127), 5)
    assert command == SetKnob("cfg", 1.0, norm=True)
    assert origin == Origin("midi", (PORT, "box.k"))
    assert (origin.address, origin.received_ns) == ("box.k", 5)


def test_other_ports_channels_and_numbers_are_not_ours() -> None:
    midi = router("{from: box.c, to: cfg}", ", c: {cc: 20, channel: 2}")
    assert send(midi, 0xB1, 20, 1) != []
    assert send(midi, 0xB1, 20, 1, port="Other") == []
    assert send(midi, 0xB0, 20, 1) == []
    assert send(midi, 0xB1, 21, 1) == []


def test_a_control_with_its_channel_goes_before_one_with_any() -> None:
    midi = router("{from: box.k, to: cfg}, {from: {cc: 16, channel: 3}, to: bpm}")
    assert send(midi, 0xB2, 16, 0) == [SetKnob("bpm", 0.0, norm=True)]
    assert send(midi, 0xB3, 16, 0) == [SetKnob("cfg", 0.0, norm=True)]


def test_a_range_is_sent_in_real_units() -> None:
    midi = router("{from: box.k, to: cfg, range: [7, 0]}")
    assert send(midi, 0xB0, 16, 0) == [SetKnob("cfg", 7.0)]


def test_notes_trigger_when_they_begin_only() -> None:
    midi = router("{from: {note: 36}, do: generate}")
    assert send(midi, 0x90, 36, 1) == [Generate()]
    assert send(midi, 0x90, 36, 0) == []
    assert send(midi, 0x80, 36, 64) == []


def test_buttons_trigger_on_the_rising_edge_at_64() -> None:
    midi = router("{from: box.k, do: generate}")
    assert send(midi, 0xB0, 16, 63) == []
    assert send(midi, 0xB0, 16, 64) == [Generate()]
    assert send(midi, 0xB0, 16, 127) == []
    assert send(midi, 0xB0, 16, 0) == []
    assert send(midi, 0xB0, 16, 127) == [Generate()]


def test_a_button_that_says_nothing_when_it_is_let_go_is_pressed_each_time() -> None:
    midi = router("{from: box.k, do: generate}")
    for now in range(3):
        assert send(midi, 0xB0, 16, 127, at=now * 100 * MS) == [Generate()]
        assert send(midi, 0xB0, 16, 127, at=now * 100 * MS + 5 * MS) == []  # it bounced
    assert send(midi, 0xB0, 16, 126, at=LATER) == []  # a pedal on its way
    assert send(midi, 0xB0, 16, 0, at=LATER) == []
    assert send(midi, 0xB0, 16, 127, at=LATER) == [Generate()]
    assert send(midi, 0xB0, 16, 127, at=2 * LATER) == []


def test_program_changes_load_presets_from_one() -> None:
    midi = router(
        "{from: {program_change: any}, do: preset.load}, {from: {program_change: 5}, do: generate}"
    )
    assert send(midi, 0xC7, 0) == [LoadPreset(1)]
    assert send(midi, 0xC7, 5) == [Generate()]


def test_a_button_on_a_knob_switches_between_its_ends() -> None:
    midi = router("{from: {note: 36}, to: morph, range: [0, 0.8]}")
    assert send(midi, 0x90, 36, 9) == [SetKnob("morph", 0.8)]
    assert send(midi, 0x90, 36, 9) == [SetKnob("morph", 0.0)]
    hear(midi, "morph", 0.7)
    assert send(midi, 0x90, 36, 9) == [SetKnob("morph", 0.0)]


def test_a_tag_button_toggles_in_the_daemon() -> None:
    midi = router("{from: {note: 36}, do: tag Hip-Hop}")
    assert send(midi, 0x90, 36, 9) == [ToggleTag("Hip-Hop", True)]
    assert send(midi, 0x90, 36, 9) == [ToggleTag("Hip-Hop", False)]
    midi.hear(TagsChanged(("hip hop",)), None, 0)
    assert send(midi, 0x90, 36, 9) == [ToggleTag("Hip-Hop", False)]
    midi.hear(TagsChanged(("hip hop",), Prompt.B), None, 0)
    assert send(midi, 0x90, 36, 9) == [ToggleTag("Hip-Hop", True)]


def test_14_bits_nrpn_and_pitch_bend() -> None:
    controls = ", f: {cc: 1, bits: 14}, n: {nrpn: 300}, n7: {nrpn: 301, bits: 7}"
    midi = router(
        "{from: box.f, to: cfg}, {from: box.n, to: morph}, {from: box.n7, to: bpm},"
        "{from: {pitch_bend: true, channel: 2}, to: gain_db}",
        controls,
    )
    assert send(midi, 0xB0, 1, 127) == [SetKnob("cfg", 16256 / 16383, norm=True)]
    assert send(midi, 0xB0, 33, 127) == [SetKnob("cfg", 1.0, norm=True)]
    for message in ((0xB0, 99, 2), (0xB0, 98, 44)):
        assert send(midi, *message) == []
    assert send(midi, 0xB0, 6, 0) == [SetKnob("morph", 0.0, norm=True)]
    assert send(midi, 0xB0, 38, 127) == [SetKnob("morph", 127 / 16383, norm=True)]
    send(midi, 0xB0, 98, 45)
    assert send(midi, 0xB0, 6, 127) == [SetKnob("bpm", 1.0, norm=True)]
    assert send(midi, 0xE1, 127, 127) == [SetKnob("gain_db", 1.0, norm=True)]


def test_an_encoder_goes_on_from_where_the_knob_is() -> None:
    midi = router("{from: box.e, to: cfg}", ", e: {cc: 2, mode: twos_complement, step: 0.25}")
    hear(midi, "cfg", 2.0)
    assert send(midi, 0xB0, 2, 1) == [SetKnob("cfg", 0.5, norm=True)]
    assert send(midi, 0xB0, 2, 127) == [SetKnob("cfg", 0.25, norm=True)]
    assert send(midi, 0xB0, 2, 0) == []
    assert send(midi, 0xB0, 2, 64) == [SetKnob("cfg", 1.0, norm=True)]


def test_an_encoder_gets_through_a_knob_that_rounds() -> None:
    midi = router("{from: box.e, to: bars}", ", e: {cc: 2, mode: twos_complement}")
    hear(midi, "bars", 1)
    bars: KnobValue = 1
    for _ in range(100):
        ((command, origin),) = midi.receive(PORT, (0xB0, 2, 1), LATER)
        assert isinstance(command, SetKnob)
        bars = knob("bars").from_norm(float(command.value))
        hear(midi, "bars", bars, origin)
    assert bars == 64


def test_an_encoder_can_wrap() -> None:
    midi = router(
        "{from: box.e, to: key}", ", e: {cc: 2, mode: binary_offset, step: 0.25, wrap: true}"
    )
    hear(midi, "key", KNOBS["key"].choices[-1])
    ((command, _),) = midi.receive(PORT, (0xB0, 2, 65), LATER)
    assert command == SetKnob("key", 0.25, norm=True)


def test_pickup_waits_and_a_preset_rearms_it() -> None:
    midi = router("{from: box.k, to: cfg, takeover: pickup}")
    hear(midi, "cfg", 3.0)
    assert send(midi, 0xB0, 16, 10) == []
    assert send(midi, 0xB0, 16, 64) == [SetKnob("cfg", 64 / 127, norm=True)]
    hear(midi, "cfg", 5.0)
    assert send(midi, 0xB0, 16, 70) == []
    assert send(midi, 0xB0, 16, 127) == [SetKnob("cfg", 1.0, norm=True)]
    midi.rearm()
    hear(midi, "cfg", 1.0)
    assert send(midi, 0xB0, 16, 100) == []


def test_its_own_moves_do_not_rearm_a_control() -> None:
    midi = router("{from: box.k, to: top_k, takeover: pickup}")
    send(midi, 0xB0, 16, 90)
    for raw in (89, 60, 20, 1):
        ((command, origin),) = midi.receive(PORT, (0xB0, 16, raw), LATER)
        assert isinstance(command, SetKnob)
        hear(midi, "top_k", knob("top_k").from_norm(raw / 127), origin)


def test_two_boxes_of_a_kind_have_two_hands() -> None:
    midi = router("{from: box.k, to: cfg, takeover: pickup}")
    hear(midi, "cfg", 1.0)
    assert send(midi, 0xB0, 16, 0, port="Box 1") == [SetKnob("cfg", 0.0, norm=True)]
    assert send(midi, 0xB0, 16, 100, port="Box 2") == []


def test_a_port_that_comes_back_takes_over_anew() -> None:
    midi = router("{from: box.k, to: cfg, takeover: pickup}")
    hear(midi, "cfg", 1.0)
    send(midi, 0xB0, 16, 0)
    midi.forget(PORT)
    assert send(midi, 0xB0, 16, 100) == []


def test_another_mapping_keeps_what_was_heard() -> None:
    midi = router("{from: box.k, to: cfg}")
    hear(midi, "bpm", 200.0)
    other = midi.remapped(parse_mapping("version: 1\nbindings: [{from: {note: 1}, to: bpm}]"))
    assert send(other, 0x90, 1, 1) == [SetKnob("bpm", 0.0, norm=True)]


@given(st.lists(st.binary(max_size=4), max_size=40))
def test_no_sequence_of_bytes_raises(messages: list[bytes]) -> None:
    midi = router(
        "{from: box.k, to: cfg, takeover: scale}, {from: box.e, to: key}, {from: box.f, to: bpm},"
        "{from: {note: 1}, do: generate}, {from: {program_change: any}, do: preset.load}",
        ", e: {cc: 2, mode: sign_bit_inc, max_step: 0.2, wrap: true}, f: {cc: 3, bits: 14}",
    )
    for now, data in enumerate(messages):
        for command, _ in midi.receive(PORT, data, now * MS):
            if isinstance(command, SetKnob):
                assert command.norm
                assert 0.0 <= float(command.value) <= 1.0


# --- feedback -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in KNOBS if name != "seed"])
@given(raw=st.integers(0, 127))
def test_what_a_knob_was_set_by_is_what_it_shows(name: str, raw: int) -> None:
    """64 stays 64, whatever the taper, and although integers and choices round."""
    midi = router(f"{{from: box.k, to: {name}}}")
    ((command, origin),) = midi.receive(PORT, (0xB0, 16, raw), 0)
    assert isinstance(command, SetKnob)
    value = knob(name).from_norm(float(command.value))
    assert hear(midi, name, value, origin, at=0) == []
    assert hear(midi, name, value, at=LATER) == [bytes((0xB0, 16, raw))]


@given(raw=st.integers(0, 16383))
def test_14_bits_come_back_too(raw: int) -> None:
    midi = router("{from: box.f, to: top_k}", ", f: {pitch_bend: true, channel: 3}")
    send(midi, 0xE2, raw & 0x7F, raw >> 7, at=0)
    value = knob("top_k").from_norm(raw / 16383)
    assert hear(midi, "top_k", value) == [bytes((0xE2, raw & 0x7F, raw >> 7))]


def test_a_knob_moved_elsewhere_is_shown_at_once() -> None:
    midi = router("{from: box.k, to: cfg}")
    assert hear(midi, "cfg", 5.0) == [bytes((0xB0, 16, 127))]
    assert hear(midi, "bpm", 100.0) == []


def test_a_hand_is_left_alone_and_the_light_follows_when_it_rests() -> None:
    midi = router("{from: box.k, to: cfg}")
    send(midi, 0xB0, 16, 64, at=0)
    assert hear(midi, "cfg", 5.0, at=100 * MS) == []
    assert midi.next_due_ns() == HOLD_NS
    assert midi.due(HOLD_NS - 1) == []
    assert [message.data for message in midi.due(HOLD_NS)] == [bytes((0xB0, 16, 127))]
    assert midi.next_due_ns() is None


def test_nothing_is_sent_to_a_control_that_stands_there_already() -> None:
    midi = router("{from: box.k, to: cfg}")
    ((_, origin),) = midi.receive(PORT, (0xB0, 16, 64), 0)
    hear(midi, "cfg", knob("cfg").from_norm(64 / 127), origin, at=1)
    assert midi.due(LATER) == []


def test_a_ring_whose_hand_has_not_picked_up_goes_back_to_its_knob() -> None:
    midi = router("{from: box.k, to: cfg, takeover: pickup}")
    hear(midi, "cfg", 5.0)
    assert send(midi, 0xB0, 16, 5, at=0) == []
    assert [message.data for message in midi.due(HOLD_NS)] == [bytes((0xB0, 16, 127))]


def test_a_knob_the_engine_limits_is_shown_as_it_is() -> None:
    midi = router("{from: box.k, to: cfg}")
    ((_, origin),) = midi.receive(PORT, (0xB0, 16, 127), 0)
    assert hear(midi, "cfg", 3.0, origin, at=1) == []
    assert [message.data for message in midi.due(LATER)] == [bytes((0xB0, 16, 64))]


def test_a_motor_may_move_while_it_is_touched() -> None:
    midi = router("{from: box.m, to: cfg}", ", m: {cc: 3, motorized: true}")
    ((_, origin),) = midi.receive(PORT, (0xB0, 3, 64), 0)
    assert hear(midi, "cfg", knob("cfg").from_norm(64 / 127), origin, at=1) == [
        bytes((0xB0, 3, 64))
    ]


def test_feedback_can_be_off_and_needs_an_output() -> None:
    assert hear(router("{from: box.k, to: cfg, feedback: false}"), "cfg", 5.0) == []
    assert hear(router("{from: {cc: 9}, to: cfg}"), "cfg", 5.0) == []


def test_a_light_of_its_own_has_its_own_address_and_ends() -> None:
    midi = router(
        "{from: box.r, to: cfg}", ", r: {cc: 3, led: {cc: 40, channel: 5, on: 13, off: 1}}"
    )
    assert hear(midi, "cfg", 1.0) == [bytes((0xB4, 40, 1))]
    assert hear(midi, "cfg", 5.0) == [bytes((0xB4, 40, 13))]
    assert hear(midi, "cfg", 3.0) == [bytes((0xB4, 40, 7))]


def test_lights_speak_on_the_channel_their_control_was_heard_on() -> None:
    midi = router("{from: box.k, to: cfg}")
    send(midi, 0xB6, 16, 0, at=0)
    assert hear(midi, "cfg", 5.0) == [bytes((0xB6, 16, 127))]


def test_nrpn_is_shown_as_nrpn() -> None:
    midi = router("{from: box.n, to: cfg}", ", n: {nrpn: 300}")
    assert hear(midi, "cfg", 5.0) == [
        bytes((0xB0, number, value)) for number, value in ((99, 2), (98, 44), (6, 127), (38, 127))
    ]


def test_a_toggled_knob_lights_its_button() -> None:
    midi = router("{from: box.b, to: morph}", ", b: {note: 3, led: {note: 3, on: 60, off: 12}}")
    ((_, origin),) = midi.receive(PORT, (0x90, 3, 1), 0)
    assert hear(midi, "morph", 1.0, origin, at=1) == [bytes((0x90, 3, 60))]
    assert hear(midi, "morph", 0.0, at=2) == [bytes((0x90, 3, 12))]


def test_generate_is_lit_while_jobs_wait_or_run() -> None:
    midi = router("{from: {note: 1}, do: stop}, {from: box.b, do: generate}", ", b: {note: 3}")

    def lit(job: str, state: JobState) -> list[bytes]:
        return [m.data for m in midi.hear(JobChanged(job, state), None, 0)]

    assert lit("a", JobState.QUEUED) == [bytes((0x90, 3, 127))]
    assert lit("b", JobState.QUEUED) == [bytes((0x90, 3, 127))]
    assert lit("a", JobState.DONE) == [bytes((0x90, 3, 127))]
    assert lit("b", JobState.FAILED) == [bytes((0x90, 3, 0))]
    assert midi.hear(Progress("b", 0.5), None, 0) == []


def told_again(midi: MidiRouter, *data: int, at: int = LATER) -> list[bytes]:
    """What lights are told because a control spoke."""
    midi.receive(PORT, data, at)
    return [message.data for message in midi.due(at)]


def test_a_buttons_light_is_told_again_at_press_and_release() -> None:
    midi = router(
        "{from: box.b, do: live}, {from: box.k, do: generate}, {from: box.t, to: morph},"
        "{from: box.s, do: stop}, {from: box.q, do: tag techno, feedback: false}",
        ", b: {note: 3, led: {cc: 9, on: 60, off: 12}}, t: {note: 4}, s: {note: 5}, q: {note: 6}",
    )
    midi.hear(LiveChanged(True), None, 0)
    for message in ((0x90, 3, 1), (0x90, 3, 0), (0x80, 3, 64)):
        assert told_again(midi, *message) == [bytes((0xB0, 9, 60))]
    for value in (127, 0):
        assert told_again(midi, 0xB0, 16, value) == [bytes((0xB0, 16, 0))]
    for value in (1, 0):
        assert told_again(midi, 0x90, 4, value) == [bytes((0x90, 4, 127))]
    for number in (5, 6):  # without a state, and without a light
        assert told_again(midi, 0x90, number, 1) == []
    assert midi.next_due_ns() is None


def test_a_port_that_gives_everything_back_starts_no_endless_talk() -> None:
    midi = router("{from: box.b, do: audition.loop}", ", b: {note: 3}")
    talk = [bytes((0x90, 3, 100))]
    for now in range(20):
        talk = [m for data in talk for m in told_again(midi, *data, at=LATER + now * MS)]
    assert talk == []


@pytest.mark.parametrize("motorized", ["false", "true"])
def test_a_fader_is_told_nothing_again(motorized: str) -> None:
    midi = router("{from: box.m, to: cfg}", f", m: {{cc: 3, motorized: {motorized}}}")
    assert told_again(midi, 0xB0, 3, 64) == []
    assert midi.due(LATER + HOLD_NS) == []


def test_everything_is_every_light() -> None:
    midi = router("{from: box.k, to: cfg}, {from: box.b, do: generate}", ", b: {note: 3}")
    hear(midi, "cfg", 1.0)
    assert [(m.output, m.data) for m in midi.everything()] == [
        ("Box*", bytes((0xB0, 16, 0))),
        ("Box*", bytes((0x90, 3, 0))),
    ]


def test_it_starts_from_given_values() -> None:
    mapping = parse_mapping("version: 1\nbindings: [{from: {cc: 1}, to: cfg, takeover: pickup}]")
    midi = MidiRouter(mapping, Knobs({"cfg": 5.0}))
    assert send(midi, 0xB0, 1, 127) == [SetKnob("cfg", 1.0, norm=True)]
