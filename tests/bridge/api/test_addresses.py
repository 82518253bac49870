"""The address table: what each message asks for, and what each report becomes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.api import addresses
from mula_bridge.api.addresses import ROWS, concrete, decode, encode
from mula_bridge.api.readers import Ping, QueryVersion, Subscribe, Unsubscribe
from mula_bridge.control.knobs import KNOBS
from mula_bridge.control.messages.commands import (
    AuditionAdvance,
    AuditionCompare,
    AuditionFollow,
    AuditionGain,
    AuditionLoop,
    AuditionPlay,
    AuditionQuantise,
    AuditionStep,
    AuditionStop,
    Cancel,
    Capture,
    ChooseClock,
    Favourite,
    Generate,
    Judge,
    LoadPreset,
    MakeMore,
    MorphPresets,
    NudgeKnob,
    Panic,
    Quantised,
    QueryDump,
    QueryKnob,
    QueryStatus,
    Reroll,
    ResetKnob,
    SavePreset,
    SetKnob,
    SetLyrics,
    SetTags,
    StartTransport,
    Stop,
    StopLearning,
    StopTransport,
    ToggleTag,
    UndoJudgement,
)
from mula_bridge.control.messages.reports import (
    AudioDevice,
    AudioReport,
    AuditionSettings,
    AuditionState,
    Beat,
    ClipJudged,
    ClipReady,
    ClockChanged,
    DeckChanged,
    EngineChanged,
    Failed,
    FrameReport,
    JobChanged,
    KnobChanged,
    LiveChanged,
    LyricsChanged,
    Notice,
    PresetSaved,
    PresetsChanged,
    Progress,
    Report,
    ServiceChanged,
    StatusReport,
    TagsChanged,
)
from mula_bridge.control.messages.states import (
    Clock,
    DeviceState,
    EngineState,
    JobState,
    Playing,
    Prompt,
    ServiceState,
    Status,
)
from mula_bridge.errors import BadInput
from mula_bridge.osc import wire
from mula_bridge.osc.arguments import Args
from mula_bridge.osc.wire import IMPULSE, Value


@pytest.mark.parametrize(
    ("address", "args", "expected"),
    [
        ("/mula/knob/cfg", (3.0,), SetKnob("cfg", 3.0)),
        ("/mula/knob/cfg", (3,), SetKnob("cfg", 3)),
        ("/mula/bpm", (128.0,), SetKnob("bpm", 128.0)),
        ("/mula/bpm", (), QueryKnob("bpm")),
        ("/mula/transport/start", (), StartTransport()),
        ("/mula/transport/stop", (1,), StopTransport()),
        ("/mula/transport/stop", (0,), None),
        ("/mula/clock/source", ("link",), ChooseClock("link")),
        ("/mula/clock/source", (), ChooseClock(None)),
        ("/mula/at/bar/generate", ("a",), Quantised(Generate("a"), 4)),
        ("/mula/at/bar/generate", (0,), None),
        ("/mula/at/2bars/knob/cfg", (3.0,), Quantised(SetKnob("cfg", 3.0), 8)),
        ("/mula/at/beat/tag/dark", (1,), Quantised(ToggleTag("dark", True), 1)),
        ("/mula/knob/cfg", ("2.5",), SetKnob("cfg", 2.5)),
        ("/mula/knob/cfg", (True,), SetKnob("cfg", 1)),
        ("/mula/knob/cfg", (False,), SetKnob("cfg", 0)),
        ("/mula/knob/cfg", (), QueryKnob("cfg")),
        ("/mula/knob/cfg", (None,), QueryKnob("cfg")),
        ("/mula/knob/cfg", (IMPULSE,), QueryKnob("cfg")),
        ("/mula/knob/key", ("C#min",), SetKnob("key", "C#min")),
        ("/mula/knob/key", (3,), SetKnob("key", 3)),
        ("/mula/norm/cfg", (0.5,), SetKnob("cfg", 0.5, norm=True)),
        ("/mula/norm/cfg", (), QueryKnob("cfg", norm=True)),
        ("/mula/norm/key", ("0.5",), SetKnob("key", 0.5, norm=True)),
        ("/mula/knob/cfg/delta", (-0.1,), NudgeKnob("cfg", -0.1)),
        ("/mula/knob/cfg/reset", (), ResetKnob("cfg")),
        ("/mula/knob/cfg/reset", (0,), None),
        ("/mula/tags", ("techno", "dark"), SetTags(("techno", "dark"))),
        ("/mula/tags", ("techno, dark",), SetTags(("techno", "dark"))),
        ("/mula/tags", (808, "techno"), SetTags(("808", "techno"))),
        ("/mula/tags", ("",), SetTags(())),
        ("/mula/tags", (), SetTags(None)),
        ("/mula/tags/b", ("jazz",), SetTags(("jazz",), Prompt.B)),
        ("/mula/tags/b", (), SetTags(None, Prompt.B)),
        ("/mula/tag/drum_and_bass", (1.0,), ToggleTag("drum and bass", True)),
        ("/mula/tag/dark", (False,), ToggleTag("dark", False)),
        ("/mula/lyrics", ("one", "two"), SetLyrics("one\ntwo")),
        ("/mula/lyrics", ("",), SetLyrics("")),
        ("/mula/lyrics", (), SetLyrics(None)),
        ("/mula/generate", (), Generate()),
        ("/mula/generate", (1.0,), Generate()),
        ("/mula/generate", (0.0,), None),
        ("/mula/generate", ("intro",), Generate("intro")),
        ("/mula/generate", (1, "intro"), Generate("intro")),
        ("/mula/generate", (0, "intro"), None),
        ("/mula/generate", ("",), Generate()),
        ("/mula/reroll", (), Reroll()),
        ("/mula/reroll", (0,), None),
        ("/mula/reroll", ("a",), Reroll("a")),
        ("/mula/reroll", ("", "again"), Reroll(None, "again")),
        ("/mula/more", (1,), MakeMore()),
        ("/mula/more", (0.0,), None),
        ("/mula/more", ("a",), MakeMore("a")),
        ("/mula/more", ("", 3), MakeMore(None, 3)),
        ("/mula/more", ("a", 3, "again"), MakeMore("a", 3, "again")),
        ("/mula/audition/play", (), AuditionPlay()),
        ("/mula/audition/play", (1,), AuditionPlay()),
        ("/mula/audition/play", (0,), None),
        ("/mula/audition/play", ("a",), AuditionPlay("a")),
        ("/mula/audition/stop", (), AuditionStop()),
        ("/mula/audition/next", (1.0,), AuditionStep(1)),
        ("/mula/audition/prev", (1.0,), AuditionStep(-1)),
        ("/mula/audition/prev", (0.0,), None),
        ("/mula/audition/ab", (), AuditionCompare()),
        ("/mula/audition/ab", ("a",), AuditionCompare("a")),
        ("/mula/audition/keep", (), Judge(Status.KEPT)),
        ("/mula/audition/keep", ("a",), Judge(Status.KEPT, "a")),
        ("/mula/audition/reject", (1,), Judge(Status.REJECTED)),
        ("/mula/audition/reject", (0,), None),
        ("/mula/audition/restore", ("a",), Judge(Status.NEW, "a")),
        ("/mula/audition/favourite", (1,), Favourite(True)),
        ("/mula/audition/favourite", (0,), Favourite(False)),
        ("/mula/audition/favourite", (1, "a"), Favourite(True, "a")),
        ("/mula/audition/undo", (), UndoJudgement()),
        ("/mula/audition/loop", (1,), AuditionLoop(True)),
        ("/mula/audition/loop", (False,), AuditionLoop(False)),
        ("/mula/audition/loop", (), AuditionLoop(None)),
        ("/mula/audition/follow", (0.0,), AuditionFollow(False)),
        ("/mula/audition/advance", (1,), AuditionAdvance(True)),
        ("/mula/audition/quantise", ("bar",), AuditionQuantise(4)),
        ("/mula/audition/quantise", ("2 bars",), AuditionQuantise(8)),
        ("/mula/audition/quantise", ("off",), AuditionQuantise(0)),
        ("/mula/audition/quantise", (2,), AuditionQuantise(8)),
        ("/mula/audition/quantise", (0.0,), AuditionQuantise(0)),
        ("/mula/audition/quantise", (), AuditionQuantise(None)),
        ("/mula/audition/gain", (-6,), AuditionGain(-6)),
        ("/mula/audition/gain", (), AuditionGain(None)),
        ("/mula/cancel", (), Cancel()),
        ("/mula/cancel", ("intro",), Cancel("intro")),
        ("/mula/stop", (IMPULSE,), Stop()),
        ("/mula/panic", (True,), Panic()),
        ("/mula/preset/load", ("dark",), LoadPreset("dark")),
        ("/mula/preset/load", (2.0,), LoadPreset(2)),
        ("/mula/preset/load", (0,), None),
        ("/mula/preset/save", ("mine",), SavePreset("mine")),
        ("/mula/preset/save", (3,), SavePreset(3)),
        ("/mula/preset/save", (0.0,), None),
        ("/mula/preset/morph", (1.5,), MorphPresets(1, 2, 0.5)),
        ("/mula/preset/morph", (2,), MorphPresets(2, 2, 0)),
        ("/mula/preset/morph", ("a", 2, 0.25), MorphPresets("a", 2, 0.25)),
        ("/mula/status", (), QueryStatus()),
        ("/mula/dump", (), QueryDump()),
        ("/mula/version", (), QueryVersion()),
        ("/mula/ping", (1, "x", b"raw"), Ping()),
        ("/mula/subscribe", (9001,), Subscribe(9001)),
        ("/mula/subscribe", (9001.0,), Subscribe(9001)),
        ("/mula/subscribe", (), Subscribe()),
        ("/mula/unsubscribe", (9001,), Unsubscribe(9001)),
        ("/mula/unsubscribe", (), Unsubscribe()),
        ("/mula/error", ("/x", "code", "text"), None),
        ("/mula/job", (), None),
    ],
)
def test_decode(address: str, args: Args, expected: object) -> None:
    assert decode(address, args) == expected


BANGED = {
    "/mula/generate": Generate(),
    "/mula/reroll": Reroll(),
    "/mula/more": MakeMore(),
    "/mula/capture": Capture(),
    "/mula/audition/play": AuditionPlay(),
    "/mula/audition/stop": AuditionStop(),
    "/mula/audition/next": AuditionStep(1),
    "/mula/audition/prev": AuditionStep(-1),
    "/mula/audition/ab": AuditionCompare(),
    "/mula/audition/keep": Judge(Status.KEPT),
    "/mula/audition/reject": Judge(Status.REJECTED),
    "/mula/audition/restore": Judge(Status.NEW),
    "/mula/audition/undo": UndoJudgement(),
    "/mula/cancel": Cancel(),
    "/mula/stop": Stop(),
    "/mula/panic": Panic(),
    "/mula/knob/cfg/reset": ResetKnob("cfg"),
    "/mula/transport/start": StartTransport(),
    "/mula/transport/stop": StopTransport(),
    "/mula/learn/cancel": StopLearning(),
    "/mula/status": QueryStatus(),
    "/mula/dump": QueryDump(),
    "/mula/version": QueryVersion(),
    "/mula/subscribe": Subscribe(),
    "/mula/unsubscribe": Unsubscribe(),
    "/mula/ping": Ping(),
    "/mula/at/bar/generate": Quantised(Generate(), 4),
    "/mula/knob/cfg": QueryKnob("cfg"),
    "/mula/norm/cfg": QueryKnob("cfg", norm=True),
    "/mula/knob/key": QueryKnob("key"),
    "/mula/bpm": QueryKnob("bpm"),
    "/mula/tags": SetTags(None),
    "/mula/tags/b": SetTags(None, Prompt.B),
    "/mula/lyrics": SetLyrics(None),
    "/mula/clock/source": ChooseClock(None),
    "/mula/audition/loop": AuditionLoop(None),
    "/mula/audition/follow": AuditionFollow(None),
    "/mula/audition/advance": AuditionAdvance(None),
    "/mula/audition/quantise": AuditionQuantise(None),
    "/mula/audition/gain": AuditionGain(None),
}
"""What an impulse asks for."""
WITHOUT = (
    "/mula/render", "/mula/live", "/mula/audition/favourite", "/mula/preset/load",
    "/mula/preset/save", "/mula/preset/morph", "/mula/learn/start", "/mula/knob/cfg/delta",
    "/mula/tag/dark", "/mula/at/bar/live",
)  # fmt: skip
"""Where it has no meaning."""


@pytest.mark.parametrize("impulse", ["bang", IMPULSE], ids=["bang", "I"])
@pytest.mark.parametrize("address", BANGED)
def test_a_bang_is_an_impulse_and_no_id_and_no_text(address: str, impulse: Value) -> None:
    assert decode(address, (impulse,)) == BANGED[address]


@pytest.mark.parametrize("impulse", ["bang", IMPULSE], ids=["bang", "I"])
@pytest.mark.parametrize("address", WITHOUT)
def test_where_an_impulse_has_no_meaning_that_is_said(address: str, impulse: Value) -> None:
    with pytest.raises(BadInput, match="an impulse came"):
        decode(address, (impulse,))


def test_every_address_knows_what_a_bang_means() -> None:
    known = {row.template for one, row, _ in concrete() if one in (*BANGED, *WITHOUT)}
    takes = {row.template for row in ROWS if row.takes is not None}
    assert takes - known == {"/mula/tag/NAME", "/mula/at/NAME/ADDRESS"}


@pytest.mark.parametrize(
    ("address", "args", "expected"),
    [
        ("/mula/generate", ("bang", "intro"), Generate("intro")),
        ("/mula/tags", ("bang", "techno"), SetTags(("bang", "techno"))),
        ("/mula/lyrics", ("bang", "bang"), SetLyrics("bang\nbang")),
        ("/mula/capture", (True,), Capture()),
        ("/mula/capture", (False,), None),
        ("/mula/capture", (2,), Capture(2)),
        ("/mula/subscribe", (IMPULSE, 9001), Subscribe(9001)),
    ],
)
def test_a_bang_among_others(address: str, args: Args, expected: object) -> None:
    assert decode(address, args) == expected


@pytest.mark.parametrize(
    ("address", "args"),
    [
        ("/mula/generate", (1, "bang")),
        ("/mula/reroll", ("clip", "bang")),
        ("/mula/more", ("clip", 3, "bang")),
        ("/mula/render", ("clip", "bang")),
        ("/mula/preset/morph", ("a", "bang", 0.5)),
    ],
)
def test_a_bang_is_no_name_anywhere(address: str, args: Args) -> None:
    with pytest.raises(BadInput):
        decode(address, args)


@pytest.mark.parametrize(
    "address", ["/mula/generate", "/mula/tags", "/mula/lyrics", "/mula/preset/save", "/mula/cancel"]
)
@pytest.mark.parametrize("text", ["a\x07", "a\ud83d", "a\0"], ids=["bell", "surrogate", "nul"])
def test_a_text_that_cannot_be_written_is_refused_at_the_door(address: str, text: str) -> None:
    with pytest.raises(BadInput, match=f"a text for {address} has"):
        decode(address, (text,))


def test_a_ping_may_say_anything() -> None:
    assert decode("/mula/ping", ("a\x07",)) == Ping()


@pytest.mark.parametrize("value", [1, 1.0, 2, -1, True, IMPULSE, "1"])
def test_a_trigger_fires(value: Value) -> None:
    assert decode("/mula/stop", (value,)) == Stop()


@pytest.mark.parametrize("value", [0, 0.0, False, None, "0"])
def test_the_release_of_a_button_does_nothing(value: Value) -> None:
    assert decode("/mula/stop", (value,)) is None


def test_subscribe_takes_patterns_with_or_without_a_port() -> None:
    with_port = decode("/mula/subscribe", (9001, "/mula/knob/*", "/mula/frame"))
    without = decode("/mula/subscribe", ("/mula/frame",))
    assert isinstance(with_port, Subscribe)
    assert [pattern.text for pattern in with_port.patterns] == ["/mula/knob/*", "/mula/frame"]
    assert isinstance(without, Subscribe)
    assert without.port is None
    assert without.patterns[0].matches("/mula/frame")


@pytest.mark.parametrize(
    ("address", "args", "words"),
    [
        ("/mula/knob/cfg", ("loud",), ["/mula/knob/cfg", "a number 0..7", "'loud'"]),
        ("/mula/knob/cfg", (b"abc",), ["a blob of 3 bytes"]),
        ("/mula/knob/cfg", ("nan",), ["'nan'"]),
        ("/mula/knob/cfg", (1.0, 2.0), ["2 arguments"]),
        ("/mula/knob/top_k", ("x",), ["a whole number 1..250 codes"]),
        ("/mula/knob/key", (b"",), ["one of Cmaj..Bmin"]),
        ("/mula/norm/cfg", ("x",), ["/mula/norm/cfg", "a number"]),
        ("/mula/knob/cfg/delta", (), ["a number"]),
        ("/mula/knob/cfg/delta", (None,), ["nil"]),
        ("/mula/knob/cfg/reset", ("x",), ["nothing, or 1 to fire"]),
        ("/mula/tags", (True,), ["text", "true"]),
        ("/mula/tag/dark", ("x",), ["0 or 1"]),
        ("/mula/tag/dark", (), ["0 or 1"]),
        ("/mula/lyrics", (b"",), ["text"]),
        ("/mula/generate", (b"",), ["text"]),
        ("/mula/generate", (1, 2, "a"), ["2 arguments"]),
        ("/mula/preset/load", (1.5,), ["a name, or a number from 1", "1.5"]),
        ("/mula/preset/load", (-1,), ["-1"]),
        ("/mula/preset/load", (), ["0 arguments"]),
        ("/mula/preset/morph", (0.5,), ["0.5"]),
        ("/mula/preset/morph", ("a", "b"), ["2 arguments"]),
        ("/mula/subscribe", (70_000,), ["a whole number", "70000"]),
        ("/mula/subscribe", (0,), ["0"]),
        ("/mula/subscribe", (9001, "knob"), ["'knob'"]),
        ("/mula/subscribe", (9001, "/mula/[x"), ["does not close"]),
        ("/mula/subscribe", (9001, *["/a"] * 9), ["9 arguments"]),
        ("/mula/unsubscribe", (9001, 9002), ["2 arguments"]),
        ("/mula/reroll", ("a", "b", "c"), ["3 arguments"]),
        ("/mula/more", ("a", 1.5), ["a whole number", "1.5"]),
        ("/mula/more", ("a", 1, "b", "c"), ["4 arguments"]),
        ("/mula/audition/loop", ("x",), ["0 or 1", "nothing, to ask", "'x'"]),
        ("/mula/audition/quantise", (-1,), ["/mula/audition/quantise"]),
        ("/mula/audition/quantise", (65,), ["65"]),
        ("/mula/audition/quantise", ("tuesday",), ["'tuesday'", "off, beat, bar, 2bars"]),
        ("/mula/audition/gain", ("x",), ["a number", "nothing, to ask"]),
        ("/mula/audition/favourite", (1, "a", 2), ["3 arguments"]),
        ("/mula/audition/undo", (IMPULSE, 1), ["2 arguments"]),
        ("/mula/at/tuesday/generate", (), ["'tuesday'", "off, beat, bar, 2bars"]),
        ("/mula/at/bar/knob/cfg", ("loud",), ["/mula/knob/cfg", "a number 0..7"]),
        ("/mula/at/bar/ping", (), ["answered at once"]),
    ],
)
def test_a_wrong_argument_is_told_what_came_and_what_is_expected(
    address: str, args: Args, words: list[str]
) -> None:
    with pytest.raises(BadInput) as told:
        decode(address, args)
    assert all(word in str(told.value) for word in words), told.value


@pytest.mark.parametrize(
    ("report", "messages"),
    [
        (KnobChanged("cfg", 3.0, 0.5), [("/mula/knob/cfg", (3.0,)), ("/mula/norm/cfg", (0.5,))]),
        (
            KnobChanged("key", "Amin", 0.9),
            [("/mula/knob/key", ("Amin",)), ("/mula/norm/key", (0.9,))],
        ),
        (
            TagsChanged(("drum and bass", "r/b")),
            [("/mula/tags", ("drum and bass", "r/b")), ("/mula/tag/drum_and_bass", (1,))],
        ),
        (
            KnobChanged("bpm", 90.0, 0.25),
            [
                ("/mula/knob/bpm", (90.0,)),
                ("/mula/norm/bpm", (0.25,)),
                ("/mula/bpm", (90.0,)),
            ],
        ),
        (TagsChanged(()), [("/mula/tags", ("",))]),
        (TagsChanged(("jazz",), Prompt.B), [("/mula/tags/b", ("jazz",))]),
        (LyricsChanged("la"), [("/mula/lyrics", ("la",))]),
        (PresetsChanged(("soft", "mine")), [("/mula/presets", ("soft", "mine"))]),
        (PresetSaved("mine"), [("/mula/preset/save", ("mine",))]),
        (JobChanged("j1", JobState.QUEUED), [("/mula/job", ("j1", "queued"))]),
        (JobChanged("j1", JobState.FAILED, "why"), [("/mula/job", ("j1", "failed", "why"))]),
        (Progress("j1", 0.5), [("/mula/progress", ("j1", 0.5))]),
        (
            ClipReady("c1", "j1", "/a/c1.wav", 120, 4, 7, 8.0),
            [("/mula/clip", ("c1", "/a/c1.wav", 120.0, 4, 7, 8.0, "j1"))],
        ),
        (EngineChanged(EngineState.READY, "mini"), [("/mula/engine", ("ready", "mini"))]),
        (
            StatusReport("mini", EngineState.READY, "j1", 2, 3, 4),
            [("/mula/status", ("mini", "ready", "j1", 2, 3, 4))],
        ),
        (
            FrameReport("j1", 3, 64, {"cfg": 2, "temperature": 0.8, "top_k": 40.0}, 9, 0),
            [("/mula/frame", ("j1", 3, 64, 2.0, 0.8, 40, 0.0))],
        ),
        (Beat(3, 1, 120, True, 0.5), [("/mula/beat", (3, 1, 120.0, 1, 0.5))]),
        (
            ClockChanged("auto", Clock.MIDI, "Box", 90, False),
            [("/mula/clock/source", ("auto",)), ("/mula/clock", ("midi", 90.0, 0, "Box"))],
        ),
        (
            AuditionState("c1", Playing.PLAYING, 1.5, 16, True, False),
            [("/mula/audition/state", ("c1", "playing", 1.5, 16, 1, 0))],
        ),
        (
            DeckChanged("c1", 2, 8, "techno, dark", 128, 4, 7, 1, Status.KEPT, True, False),
            [
                ("/mula/audition/favourite", (1, "c1")),
                (
                    "/mula/audition/clip",
                    ("c1", 2, 8, "techno, dark", 128.0, 4, 7, 1, "kept", 1, 0),
                ),
            ],
        ),
        (
            AuditionSettings(True, False, True, 8, -6),
            [
                ("/mula/audition/loop", (1,)),
                ("/mula/audition/follow", (0,)),
                ("/mula/audition/advance", (1,)),
                ("/mula/audition/quantise", ("2bars",)),
                ("/mula/audition/gain", (-6.0,)),
            ],
        ),
        (
            ClipJudged("c1", Status.REJECTED, False, "/a/rejected/c1.wav"),
            [("/mula/clip/status", ("c1", "rejected", 0, "/a/rejected/c1.wav"))],
        ),
        (AudioReport(float("-inf"), 2), [("/mula/audio", (-120.0, 2))]),
        (Failed("/x", "busy", "text"), [("/mula/error", ("/x", "busy", "text"))]),
    ],
)
def test_encode(report: Report, messages: list[tuple[str, Args]]) -> None:
    encoded = encode(report)
    assert encoded == messages
    kinds = [[type(value) for value in args] for _, args in encoded]
    assert kinds == [[type(value) for value in args] for _, args in messages]


def test_every_kind_of_report_has_an_address() -> None:
    assert set(Report.__subclasses__()) == set(addresses._OUTGOING)


LONG = "a" * 100_000


@pytest.mark.parametrize(
    "report",
    [
        EngineChanged(EngineState.FAILED, LONG),
        JobChanged("job1", JobState.FAILED, LONG),
        AudioDevice(DeviceState.MISSING, LONG, 0, 0.0, LONG),
        LiveChanged(False, LONG),
        Notice("job1", "code", LONG),
        ServiceChanged("files", ServiceState.FAILING, 1, LONG),
        PresetsChanged(tuple(f"{number:04}" + "\U0001f3b9" * 60 for number in range(512))),
    ],
    ids=lambda report: type(report).__name__,
)
def test_a_state_is_told_whatever_there_is_to_say_of_it(report: Report) -> None:
    """A compiler's error can be longer than any packet, which would then not be sent at all."""
    ((address, args),) = encode(report)
    assert len(wire.encode(address, args)) < wire.MAX_PACKET


def test_presets_keep_their_numbers_where_not_all_of_them_fit() -> None:
    names = tuple(f"{number:04}" + "x" * 60 for number in range(2000))
    ((_, args),) = encode(PresetsChanged(names))
    assert 512 < len(args) < 2000
    assert args == names[: len(args)]


def test_an_error_is_never_longer_than_a_packet() -> None:
    ((_, args),) = encode(Failed("/" + "a" * 5000, "bad", "b" * 5000))
    assert sum(len(str(arg)) for arg in args) < 1000


VALUES = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=10),
    st.binary(max_size=4),
    st.sampled_from([True, False, None, IMPULSE, "1e999", "1" * 5000, "/[", "/*"]),
)


@given(
    st.sampled_from([address for address, _, _ in concrete()] + ["/mula/tag/x"]),
    st.lists(VALUES, max_size=4).map(tuple),
)
def test_any_arguments_mean_something_or_are_refused(address: str, args: Args) -> None:
    try:
        decode(address, args)
    except BadInput as told:
        assert 0 < len(str(told)) < 400


def test_every_row_says_what_it_is_for_and_takes_what_it_reads() -> None:
    assert len({row.template for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert row.description.endswith(".")
        assert (row.takes is None) == (row.read is None)
        assert row.takes is not None or row.gives is not None
        assert row.direction in ("in", "out", "both")


def test_patterns_reach_knobs_only() -> None:
    assert addresses.matching("/mula/knob/c*") == ("/mula/knob/cfg",)
    assert len(addresses.matching("/mula/{knob,norm}/*")) == 2 * len(KNOBS)
    assert addresses.matching("/mula/pan*") == ()
    assert sum(knob is not None for _, _, knob in concrete()) == 4 * len(KNOBS)


def test_importing_the_table_loads_no_numpy_no_ports_and_no_web_server() -> None:
    code = (
        "import sys, mula_bridge.api.addresses\n"
        "print({'numpy', 'mido', 'rtmidi', 'aiohttp', 'zeroconf'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
