"""MIDI learn: what a control is told to be by the way it talks, and the file it goes into."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.bindings.learn import GIVE_UP_NS, GaveUp, Learner, Learnt, port_pattern
from mula_bridge.bindings.learn_overlay import add_learnt, write_learnt
from mula_bridge.bindings.midi import MidiRouter
from mula_bridge.control.messages.commands import SetKnob
from mula_bridge.errors import BadInput, UnknownName
from mula_bridge.mapping.file import load_mapping, parse_mapping
from mula_bridge.mapping.model import MappingError
from mula_bridge.midi.port_names import port_matches

PORT = "Box:Box MIDI 1 20:0"


def learn(*messages: tuple[int, ...]) -> dict[str, str | int] | None:
    """What is learnt from the messages as soon as it can be, without its channel."""
    learner = Learner("cfg", any_channel=True)
    for data in messages:
        learnt = learner.hear(PORT, data)
        if learnt is not None:
            return dict(learnt.source)
    return None


def rest(*messages: tuple[int, ...], ms: int = 10) -> dict[str, str | int] | None:
    """What is learnt of all the messages, ``ms`` apart, once the hand rests; asked all the time."""
    learner, now = Learner("cfg", any_channel=True), 0
    learner.due(now)
    for data in messages:
        now += ms * 1_000_000
        learner.listen(PORT, data, now)
        learnt = learner.due(now)
        if learnt is not None:
            return dict(learnt.source)
    while now < GIVE_UP_NS - 1_000_000_000:
        now += 100_000_000
        learnt = learner.due(now)
        if learnt is not None:
            return dict(learnt.source)
    return None


def reason(*messages: tuple[int, ...]) -> str:
    """Why nothing is learnt from the messages."""
    learner = Learner("cfg")
    learner.due(0)
    for data in messages:
        learner.listen(PORT, data, 0)
    with pytest.raises(GaveUp) as gave_up:
        learner.due(GIVE_UP_NS)
    assert learner.due(GIVE_UP_NS - 1) is None  # not before
    return str(gave_up.value)


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
    fine = [m for v in range(6) for m in (*change(6, v), *change(38, v * 20))]
    assert learn(*select, *fine) == {"nrpn": 300}
    assert learn(*[(0xE0, v, v) for v in range(6)]) == {"pitch_bend": "true"}
    assert learn((0x90, 36, 0), (0x90, 36, 1)) == {"note": 36}


@pytest.mark.parametrize("number", range(120, 128))
def test_channel_mode_is_refused_always(number: int) -> None:
    with pytest.raises(BadInput, match="not for knobs"):
        learn(*change(number, 0))


def test_a_refusal_does_not_end_it() -> None:
    learner = Learner("cfg")
    with pytest.raises(BadInput):
        learner.hear(PORT, (0xB0, 120, 0))
    assert learner.hear(PORT, (0xB0, 120, 1)) is None  # it was said once
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
    learner = Learner("cfg")
    for now, data in enumerate(messages):
        try:
            learner.hear(PORT, data, now)
        except BadInput as error:
            assert "not for knobs" in str(error)
    try:
        learner.due(0)
        learner.due(GIVE_UP_NS)
    except GaveUp as error:
        assert "nothing was learnt for cfg" in str(error)


# --- judged by all that came ----------------------------------------------------------------------

ENCODERS = {
    "binary offset with rests": ((65, 64, 65, 64, 65, 64), "binary_offset"),
    "binary offset, no number twice": ((65, 66, 67, 66, 65), "binary_offset"),
    "binary offset, fast, with rests": ((65, 64, 68, 64, 66, 64), "binary_offset"),
    "binary offset, both ways, with rests": ((65, 65, 64, 63, 63, 64), "binary_offset"),
    "binary offset, very fast": ((65, 65, 70, 77, 79, 70, 65), "binary_offset"),
    "two's complement with rests": ((1, 0, 1, 0, 1, 0), "twos_complement"),
    "two's complement, no number twice": ((1, 2, 3, 2, 1), "twos_complement"),
    "two's complement, both ways, with rests": ((1, 0, 127, 0, 1, 0, 126, 0), "twos_complement"),
    "sign bit with rests": ((1, 0, 65, 0, 1, 0, 66, 0), "sign_bit_dec"),
    "sign bit inverted, with rests": ((65, 0, 65, 0, 66, 0), "sign_bit_inc"),
    "sign bit inverted, both ways, with rests": ((65, 0, 1, 0, 65, 0, 2, 0), "sign_bit_inc"),
}


@pytest.mark.parametrize("how", [learn, rest], ids=["at once", "at rest"])
@pytest.mark.parametrize(("values", "mode"), ENCODERS.values(), ids=ENCODERS)
def test_an_encoder_is_told_by_all_its_ticks(
    how: Callable[..., object], values: tuple[int, ...], mode: str
) -> None:
    assert how(*change(20, *values)) == {"cc": 20, "mode": mode}


POTS = {
    "across the middle": (*range(58, 72),),
    "from the bottom": (*range(10),),
    "from the bottom and back": (*range(10), *range(8, -1, -1)),
    "down to the bottom": (*range(9, -1, -1),),
    "across the middle, trembling": (60, 61, 60, 61, 62, 63, 62, 64, 65, 66, 65, 67),
    "up to the top and back": (*range(118, 128), *range(126, 117, -1)),
}


@pytest.mark.parametrize("how", [learn, rest], ids=["at once", "at rest"])
@pytest.mark.parametrize("values", POTS.values(), ids=POTS)
def test_a_knob_is_no_encoder_wherever_it_stands(
    how: Callable[..., object], values: tuple[int, ...]
) -> None:
    assert how(*change(20, *values)) == {"cc": 20}


TREMBLING = {
    "around 63": (63, 64), "around 64": (64, 65), "three steps": (63, 64, 65, 64),
    "elsewhere": (90, 91), "at the bottom": (0, 1), "at the top": (126, 127),
}  # fmt: skip


@pytest.mark.parametrize("how", [learn, rest], ids=["at once", "at rest"])
@pytest.mark.parametrize("values", TREMBLING.values(), ids=TREMBLING)
@pytest.mark.parametrize("touched", ["knob", "fast encoder", "note"])
def test_a_worn_knob_that_trembles_is_not_what_is_touched(
    how: Callable[..., object], values: tuple[int, ...], touched: str
) -> None:
    hand, source = {
        "knob": (change(20, *range(10, 41)), {"cc": 20}),
        "fast encoder": (
            change(20, 1, 1, 2, 4, 4, 3, 1, 1), {"cc": 20, "mode": "twos_complement"}
        ),
        "note": ([(0x90, 36, 100)], {"note": 36}),
    }[touched]  # fmt: skip
    worn = [*change(7, *values * 40)]
    messages = [m for one, other in zip(worn, hand, strict=False) for m in (one, other)]
    before = worn[:4] if how is rest else []
    found = how(*before, *messages, *worn[len(hand) :])
    assert found == source


def test_a_worn_knob_is_not_learnt_before_anything_is_touched() -> None:
    assert rest(*change(7, *(63, 64) * 500)) is None
    assert "cc 7 on channel 1 sent no more than 63 to 64; turn it farther" in reason(
        *change(7, 63, 64, 63)
    )


def test_of_two_controls_the_one_with_the_greater_way_is_meant() -> None:
    """A sleeve brushes a knob, and one that is coupled moves along."""
    both = [m for v in range(30) for m in (*change(20, 40 + v // 4), *change(21, v * 3))]
    assert rest(*both) == {"cc": 21}


def test_a_motor_fader_is_meant_and_not_the_finger_on_it() -> None:
    touched = [(0x90, 104, 127), *[(0xE0, v * 3 % 128, v) for v in range(40)], (0x90, 104, 0)]
    assert rest(*touched) == {"pitch_bend": "true"}


def test_a_pad_is_meant_and_not_the_pressure_on_it() -> None:
    pressed = [(0x90, 36, 90), *[(0xD0, v) for v in range(0, 120, 5)], (0x90, 36, 0)]
    assert rest(*pressed) == {"note": 36}
    assert rest(*[(0xD0, v) for v in (5, *range(0, 128, 5), 127)]) == {"pressure": "true"}


BUTTONS = {
    "press and release": (127, 0), "another number": (100, 0, 100, 0),
    "nothing at its release": (127, 127, 127), "another number, nothing": (90, 90, 90),
}  # fmt: skip


@pytest.mark.parametrize("how", [learn, rest], ids=["at once", "at rest"])
@pytest.mark.parametrize("values", BUTTONS.values(), ids=BUTTONS)
def test_a_button_is_told(how: Callable[..., object], values: tuple[int, ...]) -> None:
    assert how(*change(20, *values)) == {"cc": 20, "kind": "button"}


FACTORY = (0, 32, 6, 38, 98, 99, 100, 101, 96, 97)
"""Numbers with a meaning of their own, which boxes send all the same, as a nanoKONTROL2 does."""


@pytest.mark.parametrize("how", [learn, rest], ids=["at once", "at rest"])
@pytest.mark.parametrize("number", FACTORY)
def test_a_number_with_a_meaning_is_a_knob_when_it_comes_alone(
    how: Callable[..., object], number: int
) -> None:
    assert how(*change(number, *range(20, 40))) == {"cc": number}


def test_a_fader_and_a_button_32_above_it_are_two_controls() -> None:
    assert rest(*change(6, *range(20, 40)), *change(38, 127, 0)) == {"cc": 6}
    assert rest(*change(38, 127, 0)) == {"cc": 38, "kind": "button"}
    assert rest(*change(3, *range(9)), *change(35, *range(90))) == {"cc": 35}


def test_a_bank_that_is_selected_is_no_knob_and_the_way_to_make_it_one_exists() -> None:
    bank = [m for v in range(8) for m in (*change(0, v), *change(32, v), (0xC0, v))]
    assert rest(*bank, ms=100) is None
    text = reason(*bank)
    found = re.search(r"write (\{.*\}) into a map of yours", text)
    assert found is not None
    assert len(parse_mapping(f"version: 1\nbindings: [{found[1]}]").bindings) == 1
    assert "a program change cannot turn a knob" in reason(*[(0xC0, v) for v in range(8)])


def test_every_wait_ends_with_a_reason() -> None:
    assert "no MIDI control spoke" in reason()
    assert "no MIDI control spoke" in reason((0xF8,), (0xFA,))
    assert "cc 20 on channel 1 sent only 5" in reason(*change(20, 5))
    increments = [*change(99, 1), *change(98, 2), *change(96, 1, 1, 1)]
    assert "mula midi monitor" in reason(*increments)


@pytest.mark.parametrize(("kind", "coarse"), [("nrpn", 99), ("rpn", 101)])
def test_a_parameter_of_one_half_has_7_bits(kind: str, coarse: int) -> None:
    values = range(20, 50, 2)
    every = [m for v in values for m in
             (*change(coarse, 2), *change(coarse - 1, 44), *change(6, v))]  # fmt: skip
    once = [*change(coarse, 2), *change(coarse - 1, 44), *change(6, *values)]
    empty = [m for v in values for m in (*change(6, v), *change(38, 0))]
    for messages in (every, once, [*once[:2], *empty]):
        assert learn(*messages) == rest(*messages) == {kind: 300, "bits": 7}


def test_a_pitch_wheel_whose_fine_half_stands_still_has_7_bits() -> None:
    assert learn(*[(0xE0, 0, v) for v in range(6)]) == {"pitch_bend": "true", "bits": 7}


@pytest.mark.parametrize("first", ["coarse", "fine"])
def test_a_parameter_of_two_halves_has_14_bits_in_either_order(first: str) -> None:
    halves = [(*change(6, v >> 7), *change(38, v & 127)) for v in range(3000, 9000, 333)]
    data = [m for pair in halves for m in (pair if first == "coarse" else pair[::-1])]
    assert rest(*change(99, 2), *change(98, 44), *data) == {"nrpn": 300}


SLOW = range(1000, 2000, 37)


@pytest.mark.parametrize("begun", [0, 1], ids=["whole", "begun within"])
@pytest.mark.parametrize("order", ["msb_first", "lsb_first"])
def test_the_order_of_halves_is_told_wherever_it_begins(order: str, begun: int) -> None:
    pairs = [(*change(1, v >> 7), *change(33, v & 127)) for v in SLOW]
    halves = [m for pair in pairs for m in (pair if order == "msb_first" else pair[::-1])]
    assert rest(*halves[begun:]) == {"cc": 1, "bits": 14, "order": order}


def test_halves_that_come_only_when_they_change_make_14_bits() -> None:
    messages: list[tuple[int, ...]] = []
    coarse = None
    for value in SLOW:
        if value >> 7 != coarse:
            coarse = value >> 7
            messages += change(1, coarse)
        messages += change(33, value & 127)
    assert rest(*messages) == {"cc": 1, "bits": 14, "order": "msb_first"}


def test_a_fine_half_that_says_nothing_is_left_out() -> None:
    halves = [m for v in range(20, 50) for m in (*change(1, v), *change(33, 0))]
    assert rest(*halves) == {"cc": 1}


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ((*range(0, 124, 4), 124), "[0, 124]"),
        ((64, *range(60, 3, -4), 3, *range(7, 124, 4), 124), "[3, 124]"),
        ((10, *range(20, 127), 127), None),
        ((*range(0, 128, 4), 127), None),
        ((*range(20, 100, 4),), None),
        ((50, *range(20, 110, 5), 110, *range(100, 20, -5), 20, 110, 20), "[20, 110]"),
        ((3, *range(10, 121, 10), 127), None),
    ],
)
def test_the_ends_of_its_way_are_learnt(values: tuple[int, ...], ends: str | None) -> None:
    assert rest(*change(20, *values)) == {"cc": 20, **({"ends": ends} if ends else {})}


def test_the_ends_of_14_bits_are_learnt() -> None:
    way = [*range(0, 15999, 333), 15999]
    bend = [(0xE0, v & 127, v >> 7) for v in way]
    assert rest(*bend) == {"pitch_bend": "true", "ends": "[0, 15999]"}
    pair = [m for v in way for m in (*change(1, v >> 7), *change(33, v & 127))]
    assert rest(*pair) == {"cc": 1, "bits": 14, "order": "msb_first", "ends": "[0, 15999]"}
    data = [m for v in way for m in (*change(6, v >> 7), *change(38, v & 127))]
    assert rest(*change(99, 2), *change(98, 44), *data) == {"nrpn": 300, "ends": "[0, 15999]"}


@given(st.lists(st.tuples(st.integers(0, 119), st.integers(0, 127)), max_size=60))
def test_whatever_is_learnt_can_be_kept(messages: list[tuple[int, int]]) -> None:
    learner = Learner("cfg")
    for now, (number, value) in enumerate(messages):
        learner.listen(PORT, (0xB0, number, value), now)
        learner.listen(PORT, (0xE0, value, number), now)
    learner.due(0)
    learnt = learner.due(GIVE_UP_NS - 1)
    if learnt is not None:
        assert len(parse_mapping(add_learnt("", learnt)).bindings) == 1


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


@pytest.mark.parametrize(
    "before", [{"cc": 33}, {"cc": 1}, {"cc": 1, "mode": "binary_offset"}, {"cc": 1, "bits": 14}]
)
def test_a_control_that_is_learnt_again_as_another_kind_replaces_what_it_was(
    tmp_path: Path, before: dict[str, str | int]
) -> None:
    overlay = tmp_path / "learnt.yaml"
    write_learnt(overlay, Learnt("bpm", "Box*", {**before, "channel": 1}))
    write_learnt(overlay, Learnt("bpm", "Other*", {**before, "channel": 1}))
    write_learnt(overlay, Learnt("cfg", "Box*", {"cc": 1, "bits": 14, "channel": 1}))
    ports = [binding.controller.input for binding in load_mapping([overlay]).bindings]
    assert ports == ["Other*", "Box*"]


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
