"""Foreign OSC addresses: messages to commands, and reports back to where they came from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mula_bridge.bindings.osc import OscBindings
from mula_bridge.control.knobs import KNOBS, KnobValue, knob
from mula_bridge.control.messages.commands import (
    Generate,
    LoadPreset,
    Quantised,
    QueryKnob,
    SetKnob,
    Stop,
    ToggleTag,
)
from mula_bridge.control.messages.reports import JobChanged, KnobChanged, Progress, TagsChanged
from mula_bridge.control.messages.states import JobState, Prompt
from mula_bridge.errors import BadInput
from mula_bridge.mapping.file import parse_mapping
from mula_bridge.osc.arguments import Args
from mula_bridge.osc.values import IMPULSE


def bound(*bindings: str) -> OscBindings:
    text = "version: 1\npresets: {one: {cfg: 2}}\nbindings:\n"
    return OscBindings(parse_mapping(text + "".join(f"  - {{{one}}}\n" for one in bindings)))


def changed(name: str, value: KnobValue) -> KnobChanged:
    return KnobChanged(name, value, knob(name).to_norm(value))


def test_a_fader_sets_by_travel() -> None:
    osc = bound("from: {osc: /1/fader1}, to: cfg")
    assert "/1/fader1" in osc
    assert "/1/fader2" not in osc
    assert len(osc) == 1
    assert osc.command("/1/fader1", (0.25,)) == SetKnob("cfg", 0.25, norm=True)


def test_it_may_send_another_range_and_cover_another() -> None:
    osc = bound("from: {osc: /x, range: [127, 0]}, to: cfg, range: [2, 4]")
    assert osc.command("/x", (127,)) == SetKnob("cfg", 2.0)
    assert osc.command("/x", (0,)) == SetKnob("cfg", 4.0)
    assert osc.command("/x", (-50,)) == SetKnob("cfg", 4.0)
    assert osc.hear(changed("cfg", 2.0)) == [("/x", (127.0,))]
    assert osc.hear(changed("cfg", 3.0)) == [("/x", (63.5,))]


def test_a_quantised_binding_wraps_what_it_sends_and_answers_a_question_at_once() -> None:
    osc = bound(
        "from: {osc: /x}, to: cfg, quantize: bar", "from: {osc: /y}, do: stop, quantize: beat"
    )
    asked = osc.command("/x", (0.25,))
    assert asked == Quantised(SetKnob("cfg", 0.25, norm=True), 4)
    assert osc.confirmation("/x", (0.25,), asked) == ()
    assert osc.command("/x", ()) == QueryKnob("cfg", norm=True)
    assert osc.command("/y", ()) == Quantised(Stop(), 1)
    assert osc.command("/y", (0,)) is None


@pytest.mark.parametrize("args", [(1,), (0.5,), (True,), (), (IMPULSE,), ("1",)])
def test_a_button_fires_on_anything_but_zero(args: Args) -> None:
    assert bound("from: {osc: /x}, do: stop").command("/x", args) == Stop()


@pytest.mark.parametrize("args", [(0,), (0.0,), (False,), (None,)])
def test_a_release_does_nothing(args: Args) -> None:
    assert bound("from: {osc: /x}, do: stop").command("/x", args) is None
    assert bound("from: {osc: /x, kind: button}, to: cfg").command("/x", args) is None


def test_actions_with_arguments() -> None:
    osc = bound("from: {osc: /p}, do: preset.load one", "from: {osc: /t}, do: tag Hip-Hop")
    assert osc.command("/p", (1,)) == LoadPreset("one")
    assert osc.command("/t", (1,)) == ToggleTag("Hip-Hop", True)
    assert osc.command("/t", (1,)) == ToggleTag("Hip-Hop", False)
    assert osc.hear(TagsChanged(("hip hop",))) == [("/t", (1.0,))]
    assert osc.hear(TagsChanged(("dark",), Prompt.B)) == []
    assert osc.command("/t", (1,)) == ToggleTag("Hip-Hop", False)


def test_a_button_on_a_knob_switches_between_its_ends() -> None:
    osc = bound("from: {osc: /x, kind: button}, to: morph, range: [0, 0.8]")
    assert osc.command("/x", (1,)) == SetKnob("morph", 0.8)
    assert osc.hear(changed("morph", 0.8)) == [("/x", (1.0,))]
    assert osc.command("/x", (1,)) == SetKnob("morph", 0.0)
    assert osc.hear(changed("morph", 0.0)) == [("/x", (0.0,))]


def test_no_argument_asks() -> None:
    osc = bound("from: {osc: /x}, to: cfg")
    assert osc.command("/x", ()) == QueryKnob("cfg", norm=True)
    assert osc.command("/x", (None,)) == QueryKnob("cfg", norm=True)


def test_what_a_control_shows_by_itself() -> None:
    osc = bound(
        "from: {osc: /x}, to: cfg",
        "from: {osc: /b, kind: button}, to: bpm",
        "from: {osc: /s}, do: stop",
    )
    for address, args, shown in (
        ("/x", (0.5,), (0.5,)),
        ("/x", (), None),
        ("/b", (1,), ()),
        ("/s", (1,), ()),
    ):
        command = osc.command(address, args)
        assert command is not None
        assert osc.confirmation(address, args, command) == shown


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("loud",), "/x takes a number 0 to 1; the text 'loud' came"),
        ((0.5, 0.5), "/x takes a number 0 to 1; 2 arguments came"),
        ((b"ab",), "/x takes a number 0 to 1; a blob of 2 bytes came"),
    ],
)
def test_what_is_no_number(args: Args, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        bound("from: {osc: /x}, to: cfg").command("/x", args)


def test_what_no_button_sends() -> None:
    with pytest.raises(BadInput, match="/x takes nothing, or a number that is not 0"):
        bound("from: {osc: /x}, do: generate").command("/x", ("loud",))


def test_what_is_not_bound() -> None:
    with pytest.raises(KeyError):
        OscBindings().command("/x", ())


def test_pickup_waits_for_the_fader() -> None:
    osc = bound("from: {osc: /x}, to: morph, takeover: pickup")
    osc.hear(changed("morph", 0.5))
    assert osc.command("/x", (0.1,)) is None
    assert osc.command("/x", (0.6,)) == SetKnob("morph", 0.6, norm=True)
    osc.hear(changed("morph", 0.6))
    assert osc.command("/x", (0.9,)) == SetKnob("morph", 0.9, norm=True)
    osc.hear(changed("morph", 0.1))
    assert osc.command("/x", (0.8,)) is None


@pytest.mark.parametrize("name", KNOBS)
@settings(max_examples=25)
@given(sent=st.floats(0, 1))
def test_what_a_fader_sent_is_what_it_is_told(name: str, sent: float) -> None:
    """Also where the knob rounds: a fader must not creep under a hand."""
    osc = bound(f"from: {{osc: /x}}, to: {name}")
    command = osc.command("/x", (sent,))
    assert isinstance(command, SetKnob)
    value = knob(name).from_norm(float(command.value))
    assert osc.hear(changed(name, value)) == [("/x", (sent,))]


def test_what_goes_beyond_comes_back_as_the_end() -> None:
    osc = bound("from: {osc: /x}, to: morph")
    osc.command("/x", (1.5,))
    assert osc.hear(changed("morph", 1.0)) == [("/x", (1.0,))]


def test_a_value_that_was_limited_comes_back_as_it_is() -> None:
    osc = bound("from: {osc: /x}, to: cfg")
    osc.command("/x", (1.0,))
    assert osc.hear(changed("cfg", 3.0)) == [("/x", (0.5,))]


def test_several_addresses_may_have_one_knob_and_feedback_may_be_off() -> None:
    osc = bound(
        "from: {osc: /x}, to: cfg",
        "from: {osc: /y, range: [0, 10]}, to: cfg",
        "from: {osc: /z}, to: cfg, feedback: false",
    )
    assert osc.hear(changed("cfg", 5.0)) == [("/x", (1.0,)), ("/y", (10.0,))]
    assert osc.hear(changed("bpm", 90.0)) == []
    assert osc.hear(Progress("a", 0.5)) == []


def test_generate_is_lit_while_jobs_wait_or_run() -> None:
    osc = bound("from: {osc: /g}, do: generate", "from: {osc: /s}, do: stop")
    assert osc.command("/g", (1.0,)) == Generate()
    assert osc.hear(JobChanged("a", JobState.QUEUED)) == [("/g", (1.0,))]
    assert osc.hear(JobChanged("b", JobState.RUNNING)) == [("/g", (1.0,))]
    assert osc.hear(JobChanged("a", JobState.DONE)) == [("/g", (1.0,))]
    assert osc.hear(JobChanged("b", JobState.FAILED)) == [("/g", (0.0,))]


def test_everything_is_every_control() -> None:
    osc = bound("from: {osc: /x}, to: morph", "from: {osc: /g}, do: generate")
    assert osc.everything() == [("/x", (0.0,)), ("/g", (0.0,))]


def test_another_mapping_keeps_what_was_heard() -> None:
    osc = bound("from: {osc: /x}, to: cfg")
    osc.hear(changed("morph", 0.5))
    osc.hear(JobChanged("a", JobState.RUNNING))
    osc.reload(
        parse_mapping(
            "version: 1\nbindings: [{from: {osc: /m}, to: morph}, {from: {osc: /g}, do: generate}]"
        )
    )
    assert osc.everything() == [("/m", (0.5,)), ("/g", (1.0,))]


def test_a_share_has_the_same_addresses_and_hands_of_its_own() -> None:
    osc = bound("from: {osc: /x}, to: morph")
    share = osc.share()
    assert "/x" in share
    share.command("/x", (0.25,))
    assert osc.everything() == [("/x", (0.0,))]
    osc.reload(parse_mapping("version: 1\nbindings: [{from: {osc: /y}, to: morph}]"))
    assert "/x" not in share
    assert share.everything() == [("/y", (0.25,))]
    assert osc.share().everything() == [("/y", (0.0,))]


ARGS = st.lists(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=5),
        st.binary(max_size=5),
        st.just(IMPULSE),
    ),
    max_size=3,
).map(tuple)


@settings(max_examples=50)
@given(st.lists(ARGS, max_size=10))
def test_no_arguments_raise_anything_else(messages: list[Args]) -> None:
    osc = bound(
        "from: {osc: /a}, to: cfg, takeover: scale",
        "from: {osc: /b, range: [-1, 1]}, to: key",
        "from: {osc: /c, kind: button}, to: bpm",
        "from: {osc: /d}, do: tag dark",
    )
    for args in messages:
        for address in ("/a", "/b", "/c", "/d"):
            try:
                command = osc.command(address, args)
            except BadInput:
                continue
            if isinstance(command, SetKnob) and command.norm:
                assert 0.0 <= float(command.value) <= 1.0
