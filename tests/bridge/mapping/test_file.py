"""Mapping files: the whole schema, and mistakes with file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.encoders import Encoding
from mula_bridge.control.takeover import Mode
from mula_bridge.mapping.file import load_mapping, parse_mapping
from mula_bridge.mapping.model import KnobTarget, Light, Mapping, MappingError
from mula_bridge.midi.decoding import EventKind, Order

WHOLE = """\
version: 1
controllers:
  nano:
    in: "nanoKONTROL2*"
    out: "nanoKONTROL2*"
    controls:
      knob1: {cc: 16, channel: 1}
      enc1:  {cc: 20, channel: any, mode: twos_complement, step: 0.01, max_step: 0.08, wrap: yes}
      fine1: {cc: 1, bits: 14, order: lsb_first}
      nr1:   {nrpn: 300, channel: 2}
      bend:  {pitch_bend: true, channel: 9, motorized: true}
      play:  {cc: 41, kind: button, led: {cc: 41, on: 126, off: 1}}
      pad1:  {note: 36}
bindings:
  - {from: nano.knob1, to: genre_strength, takeover: pickup}
  - {from: nano.enc1, to: cfg, range: [1.0, 4.0]}
  - {from: nano.fine1, to: top_k, takeover: scale}
  - {from: nano.nr1, to: morph, feedback: false}
  - {from: nano.bend, to: gain_db}
  - {from: nano.pad1, do: generate}
  - {from: nano.play, do: preset.load paper-default}
  - {from: {program_change: any, port: "nano*"}, do: preset.load}
  - {from: {cc: 20, channel: 3}, to: bpm}
presets:
  paper-default: {cfg: 1.5, temperature: 1.0, top_k: 50}
  in-a: {key: amin, bpm: 128}
genre_strength:
  - {at: 0, cfg: 1.5}
  - {at: 1, cfg: 4.0}
"""


def test_the_whole_schema() -> None:
    mapping = parse_mapping(WHOLE)
    controls = mapping.controllers["nano"].controls
    assert controls["knob1"].name == "nano.knob1"
    assert (controls["knob1"].kind, controls["knob1"].number) == (EventKind.CC, 16)
    assert controls["knob1"].channel == 1
    assert controls["enc1"].encoding is Encoding.TWOS_COMPLEMENT
    assert (controls["enc1"].step, controls["enc1"].max_step) == (0.01, 0.08)
    assert (controls["enc1"].wrap, controls["enc1"].channel) == (True, None)
    assert (controls["fine1"].kind, controls["fine1"].order) == (EventKind.CC14, Order.LSB_FIRST)
    assert (controls["nr1"].kind, controls["nr1"].bits) == (EventKind.NRPN, 14)
    assert controls["bend"].motorized
    assert controls["play"].light == Light(EventKind.CC, 41, None, 126, 1)
    assert controls["pad1"].button
    targets = [binding.target for binding in mapping.bindings]
    modes = [target.mode for target in targets if isinstance(target, KnobTarget)]
    assert modes == [Mode.PICKUP, Mode.JUMP, Mode.SCALE, Mode.JUMP, Mode.JUMP, Mode.JUMP]
    assert [binding.feedback for binding in mapping.bindings].count(False) == 1
    assert mapping.bindings[7].controller.input == "nano*"
    assert mapping.bindings[8].control.name == "cc 20 channel 3"
    assert mapping.preset(2) == ("in-a", {"key": "Amin", "bpm": 128.0})
    assert mapping.genre_strength is not None
    assert mapping.genre_strength.at(0.5) == {"cfg": 2.75}


CONTROLS = "version: 1\ncontrollers:\n  box:\n    controls:\n      a: {cc: 1}\n      b: "
BINDINGS = (
    "version: 1\ncontrollers: {box: {controls: {a: {cc: 1}, e: {cc: 2, mode: sign_bit_dec}}}}\n"
)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "my.yaml:1: the file is empty"),
        ("hello", "my.yaml:1: a mapping file is a list of 'key: value', not 'hello'"),
        ("bindings: []", "my.yaml:1: a mapping file says 'version: 1'"),
        ("version: 2", "my.yaml:1: version is a whole number 1..1, not '2'"),
        ("version: 1\nbinding: []", "my.yaml:2: unknown key in a mapping file 'binding'; "
         "did you mean bindings?"),
        ("version: 1\nversion: 1", "my.yaml:2: 'version' is given twice (first at my.yaml:1)"),
        ("version: 1\nbindings: [", "my.yaml:2: not YAML: "),
        ("version: 1\n\tx: 1", "my.yaml:2: not YAML: "),
        ("version: 1\nx: \x07", "my.yaml:2: not YAML: "),
        (CONTROLS + "{cc: 1}", "my.yaml:6: 'b' has the same source as 'a'"),
        (CONTROLS + "{ccc: 1}", "my.yaml:6: unknown key in a control 'ccc'; did you mean cc?"),
        (CONTROLS + "{channel: 1}", "my.yaml:6: a control has one source out of cc, note, "),
        (CONTROLS + "{cc: 2, note: 3}", "my.yaml:6: a control has one source out of cc, "),
        (CONTROLS + "{cc: 128}", "my.yaml:6: cc is a whole number 0..127, not '128'"),
        (CONTROLS + "{cc: x}", "my.yaml:6: cc is a number, not 'x'"),
        (CONTROLS + "{cc: 2, channel: 17}", "my.yaml:6: channel is a whole number 1..16"),
        (CONTROLS + "{cc: 2, mode: relative}", "my.yaml:6: unknown mode 'relative'"),
        (CONTROLS + "{cc: 2, bits: 8}", "my.yaml:6: unknown bits '8' (there are 7, 14)"),
        (CONTROLS + "{cc: 40, bits: 14}", "my.yaml:6: a 14-bit cc is 0..31"),
        (CONTROLS + "{cc: 1, bits: 14, channel: any}", "my.yaml:6: 'b' has the same source"),
        (CONTROLS + "{note: 2, bits: 14}", "my.yaml:6: a note has 7 bits"),
        (CONTROLS + "{note: 2, mode: sign_bit_inc}", "my.yaml:6: only a cc can be relative"),
        (CONTROLS + "{note: 2, kind: knob}", "my.yaml:6: a note is a button"),
        (CONTROLS + "{cc: 2, step: 0.1}", "my.yaml:6: 'step' is for relative modes"),
        (CONTROLS + "{cc: 2, mode: sign_bit_inc, step: 2}", "my.yaml:6: step is above 0 and"),
        (CONTROLS + "{cc: 2, mode: sign_bit_inc, max_step: 0.001}", "my.yaml:6: max_step 0.001"),
        (CONTROLS + "{cc: 2, order: msb_first}", "my.yaml:6: 'order' is for a cc with 'bits: 14'"),
        (CONTROLS + "{cc: 2, led: {on: 1}}", "my.yaml:6: a led listens to either a cc or a note"),
        (CONTROLS + "{cc: 2, led: {cc: 1, of: 1}}", "my.yaml:6: unknown key in a led 'of'"),
        (CONTROLS + "{pitch_bend: 3}", "my.yaml:6: pitch_bend is true or false, not '3'"),
        (BINDINGS + "bindings:\n  - {from: box.a, to: cgf}",
         "my.yaml:4: unknown knob 'cgf'; did you mean cfg?"),
        (BINDINGS + "bindings:\n  - {from: box.q, to: cfg}", "my.yaml:4: unknown control 'q'"),
        (BINDINGS + "bindings:\n  - {from: boxx.a, to: cfg}",
         "my.yaml:4: unknown controller 'boxx'; did you mean box?"),
        (BINDINGS + "bindings:\n  - {from: box, to: cfg}", "my.yaml:4: 'box' is not a source"),
        (BINDINGS + "bindings:\n  - {from: box.a, too: cfg}",
         "my.yaml:4: unknown key in a binding 'too'; did you mean to?"),
        (BINDINGS + "bindings:\n  - {from: box.a}", "my.yaml:4: a binding has either"),
        (BINDINGS + "bindings:\n  - {from: box.a, to: cfg, do: stop}", "my.yaml:4: a binding has"),
        (BINDINGS + "bindings:\n  - {to: cfg}", "my.yaml:4: a binding says what moves it"),
        (BINDINGS + "bindings:\n  - {from: box.a, do: audition.pause}",
         "my.yaml:4: unknown action 'audition.pause'"),
        (BINDINGS + "bindings:\n  - {from: box.a, do: stop, quantize: 1bra}",
         "my.yaml:4: '1bra' is no quantum: off, beat, bar, 2bars"),
        (CONTROLS + "{osc: /1/fader1}", "my.yaml:6: an OSC address stands in its binding"),
        (BINDINGS + "bindings:\n  - {from: box.a, do: stop, range: [0, 1]}",
         "my.yaml:4: 'range' goes with 'to:'"),
        (BINDINGS + "bindings:\n  - {from: box.e, do: stop}", "my.yaml:4: 'box.e' cannot be"),
        (BINDINGS + "bindings:\n  - {from: box.a, do: preset.load nope}",
         "my.yaml:4: unknown preset 'nope'"),
        (BINDINGS + "bindings:\n  - {from: box.a, do: preset.load 1}",
         "my.yaml:4: there is no preset 1; there are no presets"),
        (BINDINGS + "bindings:\n  - {from: {program_change: any}, to: cfg}",
         "my.yaml:4: a program change does something"),
        (BINDINGS + "bindings:\n  - {from: box.a, to: cfg, range: [1, 9]}",
         "my.yaml:4: cfg 9 is outside 0..7"),
        (BINDINGS + "bindings:\n  - {from: box.a, to: cfg, range: [1]}",
         "my.yaml:4: a range is two numbers"),
        (BINDINGS + "bindings:\n  - {from: box.a, to: cfg, takeover: grab}",
         "my.yaml:4: unknown takeover 'grab'"),
        (BINDINGS + "bindings:\n  - {from: box.e, to: cfg, takeover: jump}",
         "my.yaml:4: 'box.e' has no position to take over from"),
        (BINDINGS + "bindings:\n  - {from: box.a, do: stop, feedback: state}",
         "my.yaml:4: action 'stop' has no state to show"),
        (BINDINGS + "bindings:\n  - {from: box.a, to: cfg, feedback: maybe}",
         "my.yaml:4: feedback is true or false"),
        (BINDINGS + "bindings:\n  - {from: box.a, to: cfg}\n  - {from: box.a, to: top_k}",
         "my.yaml:5: 'box.a' is bound twice (first at my.yaml:4)"),
        ("version: 1\nbindings:\n  - {from: {cc: 1}, to: cfg}\n  - {from: {cc: 1}, to: bpm}",
         "my.yaml:4: 'cc 1' is bound twice (first at my.yaml:3)"),
        ("version: 1\npresets:\n  a: {cfg: 9}", "my.yaml:3: cfg 9 is outside 0..7"),
        ("version: 1\npresets:\n  a: {top_k: 1.5}", "my.yaml:3: top_k is a whole number"),
        ("version: 1\npresets:\n  a: {key: H}", "my.yaml:3: unknown key 'H'"),
        ("version: 1\npresets:\n  7: {cfg: 1}", "my.yaml:3: a preset's name is not a number"),
        ("version: 1\npresets:\n  a: {}\n  a: {}", "my.yaml:4: 'a' is given twice"),
        ("version: 1\ngenre_strength:\n  - {cfg: 1}", "my.yaml:3: a point says where it is"),
        ("version: 1\ngenre_strength:\n  - {at: 0, cfg: 1}\n  - {at: 0, cfg: 2}",
         "my.yaml:4: a curve rises in 'at'"),
        ("version: 1\ngenre_strength:\n  - {at: 0, genre_strength: 1}",
         "my.yaml:3: genre_strength cannot move itself"),
        ("version: 1\ngenre_strength: []", "my.yaml:2: a curve needs at least one point"),
    ],
)  # fmt: skip
def test_a_mistake_says_where_and_what(text: str, complaint: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse_mapping(text, "my.yaml")
    assert str(caught.value).startswith(complaint)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text("version: 1\n" + text, encoding="utf-8")
    return path


def test_files_share_controllers_and_later_ones_win(tmp_path: Path) -> None:
    box = write(
        tmp_path,
        "box.yaml",
        "controllers: {box: {controls: {a: {cc: 1}, b: {cc: 2}}}}\n"
        "bindings: [{from: box.a, to: cfg}, {from: box.b, to: bpm}]\n"
        "presets: {one: {cfg: 1}, two: {cfg: 2}}\n",
    )
    mine = write(
        tmp_path, "mine.yaml", "bindings: [{from: box.a, to: top_k}]\npresets: {one: {cfg: 3}}\n"
    )
    mapping = load_mapping([box, mine])
    assert knobs(mapping) == {"box.a": "top_k", "box.b": "bpm"}
    assert mapping.preset(1) == ("one", {"cfg": 3.0})
    assert list(mapping.presets) == ["one", "two"]


def knobs(mapping: Mapping) -> dict[str, str]:
    return {
        binding.control.name: binding.target.travel.knob.name
        for binding in mapping.bindings
        if isinstance(binding.target, KnobTarget)
    }


def test_a_controller_stands_in_one_file_only(tmp_path: Path) -> None:
    one = write(tmp_path, "one.yaml", "controllers: {box: {}}\n")
    two = write(tmp_path, "two.yaml", "controllers: {box: {}}\n")
    with pytest.raises(MappingError, match=r"two.yaml:2: controller 'box' is already there"):
        load_mapping([one, two])


def test_a_preset_may_come_from_another_file(tmp_path: Path) -> None:
    presets = write(tmp_path, "p.yaml", "presets: {one: {cfg: 1}}\n")
    mine = write(tmp_path, "m.yaml", "bindings: [{from: {note: 1}, do: preset.load one}]\n")
    assert len(load_mapping([mine, presets]).bindings) == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"gone\.yaml: cannot be read: No such file"):
        load_mapping([tmp_path / "gone.yaml"])


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"version: 1\n# \xff\n")
    with pytest.raises(MappingError, match=r"bad\.yaml:2: not UTF-8 .* save it as UTF-8"):
        load_mapping([path])


def test_a_windows_file_with_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "win.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\r\nbindings: []\r\n")
    assert load_mapping([path]).bindings == ()


def test_very_deep_nesting_is_an_error_like_any_other() -> None:
    with pytest.raises(MappingError):
        parse_mapping("[" * 600)


def test_a_presets_knobs_keep_their_order() -> None:
    (values,) = parse_mapping(
        "version: 1\npresets: {a: {bpm: 90, genre_strength: 1, cfg: 2}}"
    ).presets.values()
    assert list(values) == ["bpm", "genre_strength", "cfg"]


@given(st.text(max_size=80))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        parse_mapping("version: 1\n" + text)
    except MappingError as error:
        assert str(error).startswith("mapping:")


TOKENS = st.sampled_from(
    ["from", "to", "do", "cc", "note", "range", "box.a", "cfg", "led", "any", "14", "-1", "nan",
     "generate", "~", "true", "key", "Amin", "at", "[", "]", "{", "}", ":", ",", "&a ", "*a", "<<"]
)  # fmt: skip


@given(st.lists(TOKENS, max_size=20).map(" ".join))
def test_no_words_of_the_schema_raise_anything_else(text: str) -> None:
    for key in ("bindings", "controllers", "presets", "genre_strength"):
        try:
            parse_mapping(f"version: 1\n{key}: [{{{text}}}]\n")
        except MappingError as error:
            assert str(error).startswith("mapping:")


@pytest.mark.parametrize(("word", "beats"), [("off", 0), ("beat", 1), ("1bar", 4), ("2bars", 8)])
def test_a_binding_waits_for_the_beat(word: str, beats: int) -> None:
    bindings = (
        f"  - {{from: {{cc: 1}}, to: cfg, quantize: {word}}}\n"
        f"  - {{from: {{osc: /x}}, do: stop, quantize: {word}}}\n"
    )
    mapping = parse_mapping(f"version: 1\nbindings:\n{bindings}")
    assert mapping.bindings[0].quantum == beats
    assert mapping.osc[0].quantum == beats
