"""MIDI learn: what a control is told to be by the way it talks, and the file it goes into."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.bindings.learn import Learner, Learnt, port_pattern
from mula_bridge.bindings.learn_overlay import add_learnt, write_learnt
from mula_bridge.bindings.midi import MidiRouter
from mula_bridge.control.messages.commands import SetKnob
from mula_bridge.errors import BadInput, UnknownName
from mula_bridge.mapping.file import load_mapping, parse_mapping
from mula_bridge.mapping.model import MappingError
from mula_bridge.midi.port_names import port_matches

PORT = "Box:Box MIDI 1 20:0"


def learn(*messages: tuple[int, ...], forced: bool = False) -> dict[str, str | int] | None:
    """What is learnt from the messages, without its channel."""
    learner = Learner("cfg", forced=forced, any_channel=True)
    for data in messages:
        learnt = learner.hear(PORT, data)
        if learnt is not None:
            return dict(learnt.source)
    return None


def change(number: int, *values: int) -> list[tuple[int, ...]]:
    return [(0xB0, number, value) for value in values]


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        ((60, 61, 62, 63, 64, 65), {}),
        ((1, 2, 3, 4, 5, 6), {}),
        ((30, 40, 40, 60, 70, 80), {}),
        ((1, 1, 1, 2, 1, 1), {"mode": "twos_complement"}),
        ((1, 1, 127, 127, 1, 126), {"mode": "twos_complement"}),
        ((65, 65, 66, 65, 65, 65), {"mode": "binary_offset"}),
        ((65, 65, 63, 63, 65, 62), {"mode": "binary_offset"}),
        ((1, 1, 65, 65, 1, 66), {"mode": "sign_bit_dec"}),
        ((65, 65, 1, 1, 65, 2), {"mode": "sign_bit_inc"}),
        ((127, 0), {"kind": "button"}),
    ],
)
def test_the_guess(values: tuple[int, ...], shape: dict[str, str | int]) -> None:
    assert learn(*change(20, *values)) == {"cc": 20, **shape}


def test_a_few_messages_are_not_enough() -> None:
    assert learn(*change(20, 60, 61, 62, 63, 64)) is None


def test_14_bits_are_told_by_their_second_half() -> None:
    halves = [m for v in range(6) for m in (*change(1, 64), *change(33, v * 9))]
    assert learn(*halves) == {"cc": 1, "bits": 14, "order": "msb_first"}
    assert learn(*[m for v in range(7) for m in (*change(33, v * 9), *change(1, 64))]) == {
        "cc": 1,
        "bits": 14,
        "order": "lsb_first",
    }


def test_nrpn_pitch_bend_and_notes() -> None:
    select = [*change(99, 2), *change(98, 44)]
    assert learn(*select, *change(6, *range(6))) == {"nrpn": 300}
    assert learn(*[(0xE0, 0, value) for value in range(6)]) == {"pitch_bend": "true"}
    assert learn((0x90, 36, 0), (0x90, 36, 1)) == {"note": 36}


@pytest.mark.parametrize("number", range(120, 128))
def test_channel_mode_is_refused_always(number: int) -> None:
    with pytest.raises(BadInput, match="not for knobs"):
        learn(*change(number, 0), forced=True)


@pytest.mark.parametrize("number", [0, 32])
def test_bank_select_is_refused_unless_forced(number: int) -> None:
    with pytest.raises(BadInput, match="selects banks"):
        learn(*change(number, 0))
    assert learn(*change(number, *range(6)), forced=True) == {"cc": number}


def test_a_refusal_does_not_end_it() -> None:
    learner = Learner("cfg")
    with pytest.raises(BadInput):
        learner.hear(PORT, (0xB0, 120, 0))
    for value in range(6):
        learnt = learner.hear(PORT, (0xB2, 20, value))
    assert learnt == Learnt("cfg", "Box:Box MIDI 1*", {"cc": 20, "channel": 3})


def test_controls_do_not_disturb_each_other() -> None:
    both = [m for v in range(6) for m in (*change(20, v), *change(21, 64 - v))]
    assert learn(*both) == {"cc": 20}


def test_an_unknown_knob() -> None:
    with pytest.raises(UnknownName, match="did you mean cfg"):
        Learner("cgf")


@pytest.mark.parametrize(
    ("port", "pattern"),
    [
        ("nanoKONTROL2:nanoKONTROL2 MIDI 1 20:0", "nanoKONTROL2:nanoKONTROL2 MIDI 1*"),
        ("nanoKONTROL2 0", "nanoKONTROL2*"),
        ("MPK mini 3", "MPK mini*"),
        ("a2j:Box [20] (capture)", "a2j:Box [[]20] (capture)*"),
    ],
)
def test_a_port_is_found_again(port: str, pattern: str) -> None:
    assert port_pattern(port) == pattern
    assert port_matches(pattern, port)


@given(st.text(min_size=1, max_size=30))
def test_every_port_name_is_found_again(port: str) -> None:
    if "midi through" not in port.lower():
        assert port_matches(port_pattern(port), port)


@given(st.lists(st.binary(max_size=4), max_size=60))
def test_no_bytes_raise_anything_unexpected(messages: list[bytes]) -> None:
    learner = Learner("cfg", forced=True)
    for data in messages:
        try:
            learner.hear(PORT, data)
        except BadInput as error:
            assert "not for knobs" in str(error)


# --- the overlay --------------------------------------------------------------------------------


def test_what_is_learnt_works(tmp_path: Path) -> None:
    overlay = tmp_path / "new folder" / "learnt.yaml"
    for number, name in ((20, "cfg"), (21, "bpm"), (20, "morph")):
        learner = Learner(name)
        for value in range(6):
            learnt = learner.hear(PORT, (0xB0, number, value))
        assert learnt is not None
        write_learnt(overlay, learnt)
    router = MidiRouter(load_mapping([overlay]))
    commands = [router.receive(PORT, (0xB0, number, 0), 0)[0][0] for number in (20, 21)]
    assert commands == [SetKnob("morph", 0.0, norm=True), SetKnob("bpm", 0.0, norm=True)]


def test_it_goes_before_the_users_map(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("version: 1\nbindings: [{from: {cc: 20, channel: 1}, to: cfg}]\n")
    overlay = tmp_path / "learnt.yaml"
    write_learnt(overlay, Learnt("bpm", "Box*", {"cc": 20, "channel": 1}))
    router = MidiRouter(load_mapping([mine, overlay]))
    assert router.receive(PORT, (0xB0, 20, 0), 0)[0][0] == SetKnob("bpm", 0.0, norm=True)


@pytest.mark.parametrize("port", ['a "b" #c', "{x: 1}", "ü\u2028*", "a: b", "\\", "'"])
def test_any_port_name_survives_the_file(port: str) -> None:
    text = add_learnt("", Learnt("cfg", port, {"cc": 1}))
    (binding,) = parse_mapping(text).bindings
    assert binding.controller.input == port


@pytest.mark.parametrize(
    "text", ["version: 1\n", add_learnt("", Learnt("cfg", "*", {"cc": 1})) + "presets: {}\n"]
)
def test_what_the_user_wrote_is_not_lost(tmp_path: Path, text: str) -> None:
    overlay = tmp_path / "learnt.yaml"
    overlay.write_text(text)
    with pytest.raises(BadInput):
        write_learnt(overlay, Learnt("cfg", "*", {"cc": 2}))
    assert overlay.read_text() == text


def test_an_editors_byte_order_mark_is_no_line_of_its_own(tmp_path: Path) -> None:
    overlay = tmp_path / "learnt.yaml"
    overlay.write_text(add_learnt("", Learnt("cfg", "*", {"cc": 1})), encoding="utf-8-sig")
    write_learnt(overlay, Learnt("bpm", "*", {"cc": 2}))
    assert len(load_mapping([overlay]).bindings) == 2


def test_what_would_not_load_is_not_written(tmp_path: Path) -> None:
    overlay = tmp_path / "learnt.yaml"
    with pytest.raises(MappingError):
        write_learnt(overlay, Learnt("cgf", "*", {"cc": 2}))
    assert not overlay.exists()
