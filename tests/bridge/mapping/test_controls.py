"""Controls of mapping files: OSC addresses as sources."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.takeover import Mode
from mula_bridge.mapping.file import load_mapping, parse_mapping
from mula_bridge.mapping.model import KnobTarget, MappingError, OscControl
from mula_bridge.osc.wire import decode, encode


def bind(*bindings: str) -> str:
    return "version: 1\nbindings:\n" + "".join(f"  - {{{binding}}}\n" for binding in bindings)


def test_what_can_be_said_of_an_address() -> None:
    mapping = parse_mapping(
        bind(
            "from: {osc: /1/fader1}, to: cfg",
            "from: {osc: /x, range: [127, 0]}, to: bpm, range: [90, 180], takeover: pickup",
            "from: {osc: /y, kind: button}, to: morph, feedback: false",
            "from: {osc: /z}, do: tag dark, feedback: state",
            "from: {cc: 1}, to: cfg",
        )
    )
    assert [binding.control for binding in mapping.osc] == [
        OscControl("/1/fader1", 0.0, 1.0, False),
        OscControl("/x", 127.0, 0.0, False),
        OscControl("/y", 0.0, 1.0, True),
        OscControl("/z", 0.0, 1.0, False),
    ]
    assert [binding.feedback for binding in mapping.osc] == [True, True, False, True]
    second = mapping.osc[1].target
    assert isinstance(second, KnobTarget)
    assert second.mode is Mode.PICKUP
    assert (second.travel.value(0), second.travel.value(1)) == (90.0, 180.0)
    assert [binding.control.name for binding in mapping.bindings] == ["cc 1"]


@pytest.mark.parametrize(
    ("binding", "complaint"),
    [
        ("from: {osc: 1/fader1}, to: cfg", "'1/fader1' is no OSC address: it begins with /"),
        ("from: {osc: /}, to: cfg", "'/' is no OSC address: a part of it is empty"),
        ("from: {osc: /1//x}, to: cfg", "'/1//x' is no OSC address: a part of it is empty"),
        ("from: {osc: /1/}, to: cfg", "'/1/' is no OSC address: a part of it is empty"),
        ("from: {osc: '/1/*'}, to: cfg", "'/1/*' is no OSC address: it has no '*'"),
        ("from: {osc: '/1/a b'}, to: cfg", "'/1/a b' is no OSC address: it has no ' '"),
        ("from: {osc: /ü}, to: cfg", "'/ü' is no OSC address: it has no 'ü'"),
        (f"from: {{osc: /{'x' * 256}}}, to: cfg",
         f"'/{'x' * 256}' is no OSC address: it has more than 256 characters"),
        ("from: {osc: /mula/knob/cfg}, to: cfg",
         "/mula/knob/cfg is the daemon's own; it works without a binding"),
        ("from: {osc: /mula}, do: stop", "/mula is the daemon's own"),
        ("from: {osc: /x, range: [1]}, to: cfg", "a range is two numbers: [from, to]"),
        ("from: {osc: /x, range: [1, 1]}, to: cfg", "a range from 1 to 1 leaves nothing to turn"),
        ("from: {osc: /x, range: [a, 1]}, to: cfg", "range is a number, not 'a'"),
        ("from: {osc: /x, kind: pad}, to: cfg", "unknown kind 'pad'"),
        ("from: {osc: /x, port: Box}, to: cfg", "unknown key in an OSC source 'port'"),
        ("from: {osc: /x, cc: 1}, to: cfg", "unknown key in an OSC source 'cc'"),
        ("from: {osc: [/x]}, to: cfg", "osc is text, not a list"),
        ("from: {osc: /x}, to: cgf", "unknown knob 'cgf'; did you mean cfg?"),
        ("from: {osc: /x}, do: preset.load", "action 'preset.load' needs a preset"),
        ("from: {osc: /x}, do: stop, feedback: state", "action 'stop' has no state to show"),
        ("from: {osc: /x, kind: button}, to: cfg, takeover: pickup",
         "'/x' has no position to take over from"),
        ("from: {osc: /x}, do: stop, takeover: jump", "'takeover' goes with 'to:'"),
    ],
)  # fmt: skip
def test_a_mistake_says_where_and_what(binding: str, complaint: str) -> None:
    with pytest.raises(MappingError) as caught:
        parse_mapping(bind("from: {cc: 1}, to: cfg", binding), "my.yaml")
    assert str(caught.value).startswith(f"my.yaml:4: {complaint}")


def test_an_address_is_bound_once() -> None:
    with pytest.raises(MappingError, match=r"^m:4: '/x' is bound twice \(first at m:3\)"):
        parse_mapping(
            bind("from: {osc: /x}, to: cfg", "from: {osc: /x, range: [0, 9]}, to: bpm"), "m"
        )


def test_a_later_file_wins(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(bind("from: {osc: /x}, to: cfg", "from: {osc: /y}, to: cfg"))
    two.write_text(bind("from: {osc: /x}, do: stop"))
    first, second = load_mapping([one, two]).osc
    assert (first.control.address, second.control.address) == ("/x", "/y")
    assert not isinstance(first.target, KnobTarget)


@given(st.text(max_size=20).map("/".__add__))
def test_every_address_that_is_taken_can_be_sent(address: str) -> None:
    text = address.replace("'", "''").replace("\n", " ")
    try:
        (binding,) = parse_mapping(bind(f"from: {{osc: '{text}'}}, to: cfg")).osc
    except MappingError:
        return
    address = binding.control.address
    assert decode(encode(address, (1.0,)))[0].address == address
