"""The OSC address table: every address, once.

Decoding, encoding, the hints in error messages and the reference are made from
``ROWS``; OSCQuery and the Max device can be. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

from mula_bridge import osc_readers as readers
from mula_bridge import osc_writers as writers
from mula_bridge.errors import BadInput, nearest
from mula_bridge.knobs import KNOBS, Knob
from mula_bridge.messages import (
    AudioReport,
    Cancel,
    ClipReady,
    Command,
    EngineChanged,
    Failed,
    FrameReport,
    Generate,
    JobChanged,
    KnobChanged,
    KnobLearnt,
    LoadPreset,
    LyricsChanged,
    NudgeKnob,
    Panic,
    PresetSaved,
    Progress,
    Prompt,
    QueryDump,
    QueryStatus,
    Render,
    Report,
    ResetKnob,
    SavePreset,
    SetKnob,
    SetLyrics,
    SetTags,
    StatusReport,
    Stop,
    StopLearning,
    TagsChanged,
    ToggleTag,
)
from mula_bridge.osc_arguments import Args, Argument, Kind, Mismatch
from mula_bridge.osc_pattern import MAX_LENGTH, Pattern
from mula_bridge.osc_readers import QueryVersion, Reader, Request

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 7770


class UnknownAddress(BadInput):
    """No row has this address. The hint is only searched for when the text is wanted."""

    code = "unknown_address"

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address

    def __str__(self) -> str:
        close = nearest_address(self.address)
        return "no such address" + (f"; did you mean {close}?" if close else "")


@dataclass(frozen=True, slots=True)
class Row:
    """One address, with NAME for each of ``names``, or for any word where there are none.

    ``takes`` is what may be sent to it, ``gives`` what it sends; None: never.
    """

    template: str
    description: str
    takes: tuple[Argument, ...] | None = None
    gives: tuple[Argument, ...] | None = None
    read: Reader | None = None
    report: type | None = None
    write: writers.Writer | None = None
    names: tuple[str, ...] = ()
    opt_in: bool = False
    """Sent only to subscribers whose pattern asks for it."""

    @property
    def direction(self) -> str:
        """``in``, ``out`` or ``both``, as seen by the daemon."""
        if self.takes is None:
            return "out"
        return "in" if self.gives is None else "both"

    def at(self, name: str) -> str:
        """The address for one NAME."""
        return self.template.replace("NAME", name)

    def expects(self, name: str) -> str:
        """What may be sent to it, in words."""
        wanted = [argument.words(KNOBS.get(name)) for argument in self.takes or ()]
        if self.takes and self.takes[0].asks and self.gives is not None:
            wanted.append("nothing, to ask")
        return ", or ".join(wanted)


def _number(name: str, *, optional: bool = False) -> Argument:
    return Argument(name, Kind.NUMBER, optional)


def _whole(name: str, *, optional: bool = False) -> Argument:
    return Argument(name, Kind.WHOLE, optional)


def _text(name: str, *, optional: bool = False, repeats: bool = False) -> Argument:
    return Argument(name, Kind.TEXT, optional, repeats)


_ANYTHING = (Argument("argument", Kind.ANY, optional=True, repeats=True),)
_TRIGGER = (Argument("trigger", Kind.TRIGGER, optional=True),)
_SWITCH = (Argument("on", Kind.SWITCH),)
_PRESET = (Argument("preset", Kind.NAME_OR_NUMBER),)
_ALL_KNOBS = tuple(KNOBS)

ROWS: Final = (
    Row("/mula/ping", "Are you there? Answered at once, also while the model loads.",
        takes=_ANYTHING, read=readers.ping),
    Row("/mula/pong", "The answer to a ping, with the same arguments.", gives=_ANYTHING),
    Row("/mula/version", "The version of the daemon.",
        takes=_TRIGGER, gives=(_text("version"),), read=readers.trigger(QueryVersion)),
    Row("/mula/status", "The engine and its state, the running job, and how many jobs wait, clips "
        "are made and audio blocks came late.",
        takes=_TRIGGER, gives=(_text("engine"), _text("state"), _text("job"), _whole("queued"),
                               _whole("clips"), _whole("underruns")),
        read=readers.trigger(QueryStatus), report=StatusReport, write=writers.status),
    Row("/mula/dump", "Sends every knob and text, each on its own address.",
        takes=_TRIGGER, read=readers.trigger(QueryDump)),
    Row("/mula/knob/NAME", "Sets a knob in its own unit, clamped; the effective value comes back. "
        "Without an argument, asks for it.",
        takes=(Argument("value", Kind.KNOB, optional=True),), gives=(Argument("value", Kind.KNOB),),
        read=readers.set_knob(norm=False), report=KnobChanged, write=writers.knob,
        names=_ALL_KNOBS),
    Row("/mula/norm/NAME", "The same knob by its travel 0..1, for faders without a range of their "
        "own.",
        takes=(_number("travel", optional=True),), gives=(_number("travel"),),
        read=readers.set_knob(norm=True), report=KnobChanged, write=writers.norm,
        names=_ALL_KNOBS),
    Row("/mula/knob/NAME/delta", "Moves a knob by so much, in its own unit.",
        takes=(_number("delta"),), read=readers.nudge_knob, names=_ALL_KNOBS),
    Row("/mula/knob/NAME/reset", "Puts a knob back to its default.",
        takes=_TRIGGER, read=readers.reset_knob, names=_ALL_KNOBS),
    Row("/mula/tags", "The tags of prompt A: several texts, or one with commas. One empty text "
        "clears them; no argument asks for them.",
        takes=(_text("tag", optional=True, repeats=True),), gives=(_text("tag", repeats=True),),
        read=readers.set_tags(Prompt.A), report=TagsChanged, write=writers.tags(Prompt.A)),
    Row("/mula/tags/b", "The tags of prompt B, which the knob morph fades to.",
        takes=(_text("tag", optional=True, repeats=True),), gives=(_text("tag", repeats=True),),
        read=readers.set_tags(Prompt.B), report=TagsChanged, write=writers.tags(Prompt.B)),
    Row("/mula/tag/NAME", "Switches one tag of prompt A on or off. A space in a tag is written _.",
        takes=_SWITCH, gives=_SWITCH,
        read=readers.toggle_tag, report=TagsChanged, write=writers.tag_switches),
    Row("/mula/lyrics", "The lyrics of the next clip; several texts are lines. No argument asks "
        "for them.",
        takes=(_text("line", optional=True, repeats=True),), gives=(_text("text"),),
        read=readers.set_lyrics, report=LyricsChanged, write=writers.lyrics),
    Row("/mula/generate", "Queues a job, under an id of yours if you give one.",
        takes=(*_TRIGGER, _text("id", optional=True)), read=readers.trigger_with_id(Generate)),
    Row("/mula/render", "Queues a job that makes a clip again from its recipe, knob moves and all.",
        takes=(_text("clip"), _text("id", optional=True)), read=readers.render),
    Row("/mula/cancel", "Cancels a job, or the running one.",
        takes=(*_TRIGGER, _text("id", optional=True)), read=readers.trigger_with_id(Cancel)),
    Row("/mula/stop", "Stops the sound; generation goes on.",
        takes=_TRIGGER, read=readers.trigger(Stop)),
    Row("/mula/panic", "Silence at once, and every job is cancelled.",
        takes=_TRIGGER, read=readers.trigger(Panic)),
    Row("/mula/preset/load", "Turns every knob of a preset, by its name or its number from 1.",
        takes=_PRESET, read=readers.preset(LoadPreset)),
    Row("/mula/preset/save", "Keeps knobs, tags and lyrics as a preset; its name comes back.",
        takes=_PRESET, gives=(_text("name"),),
        read=readers.preset(SavePreset), report=PresetSaved, write=writers.preset),
    Row("/mula/preset/morph", "Goes so far, 0..1, from one preset to another. One number does it "
        "for neighbours: 1.5 is halfway from the first to the second.",
        takes=(*_PRESET, Argument("other", Kind.NAME_OR_NUMBER, optional=True),
               _number("far", optional=True)),
        read=readers.morph_presets),
    Row("/mula/learn/start", "Binds the next MIDI control you touch to a knob.",
        takes=(_text("knob"),), read=readers.learn),
    Row("/mula/learn/cancel", "Ends that without binding anything.",
        takes=_TRIGGER, read=readers.trigger(StopLearning)),
    Row("/mula/learn/done", "A MIDI control moves this knob from now on.",
        gives=(_text("knob"), _text("source")), report=KnobLearnt, write=writers.learnt),
    Row("/mula/subscribe", "Sends everything that is set now, then every change, to a port of "
        "your host (none: the one you send from). Patterns choose addresses.",
        takes=(_whole("port", optional=True), _text("pattern", optional=True, repeats=True)),
        read=readers.subscribe),
    Row("/mula/unsubscribe", "Ends your subscription, or that of a port of your host.",
        takes=(_whole("port", optional=True),), read=readers.unsubscribe),
    Row("/mula/job", "A job moved on: queued, running, done, cancelled or failed, and why.",
        gives=(_text("id"), _text("state"), _text("reason", optional=True)),
        report=JobChanged, write=writers.job),
    Row("/mula/progress", "How much of a job is generated, 0..1.",
        gives=(_text("job"), _number("fraction")), report=Progress, write=writers.progress),
    Row("/mula/clip", "A clip is complete in the folder.",
        gives=(_text("id"), _text("path"), _number("bpm"), _whole("bars"), _whole("seed"),
               _number("seconds"), _text("job")),
        report=ClipReady, write=writers.clip),
    Row("/mula/engine", "The engine is starting, ready, restarting or failed; which one, or why.",
        gives=(_text("state"), _text("detail")), report=EngineChanged, write=writers.engine),
    Row("/mula/frame", "One frame, and the knobs it was sampled with.",
        gives=(_text("job"), _whole("index"), _whole("total"), _number("cfg"),
               _number("temperature"), _whole("top_k"), _number("morph")),
        report=FrameReport, write=writers.frame, opt_in=True),
    Row("/mula/audio", "The peak level in dBFS (-120 is silence), and audio blocks that came late.",
        gives=(_number("peak"), _whole("underruns")), report=AudioReport, write=writers.audio),
    Row("/mula/error", "What you sent to an address, or a device, went wrong: a code for programs "
        "and a sentence for you. At most ten a second.",
        gives=(_text("address"), _text("code"), _text("text")),
        report=Failed, write=writers.failed),
)  # fmt: skip

OPT_IN: Final = frozenset(row.template for row in ROWS if row.opt_in)
ERROR: Final = "/mula/error"
PONG: Final = "/mula/pong"
VERSION: Final = "/mula/version"
SUBSCRIBE: Final = "/mula/subscribe"
TAG: Final = "/mula/tag/"


def concrete() -> Iterator[tuple[str, Row, Knob | None]]:
    """Every address that can be written out, with its row and its knob."""
    for row in ROWS:
        if row.names:
            yield from ((row.at(name), row, KNOBS[name]) for name in row.names)
        elif "NAME" not in row.template:
            yield row.template, row, None


def decode(address: str, args: Args = ()) -> Command | Request | None:
    """What a message asks for; None: nothing (the release of a button, or one of our own
    reports that came back).

    Raises UnknownAddress, or BadInput that says what came and what is expected.
    """
    name, row, read = _INCOMING.get(address) or _tag(address)
    try:
        return read(args)
    except Mismatch as came:
        raise BadInput(f"{address} takes {row.expects(name)}; {came} came") from None


def encode(report: Report) -> list[tuple[str, Args]]:
    """The messages that a report becomes: address and arguments of each.

    Empty for a kind of report that no row sends.
    """
    return [
        (row.at(name), args)
        for row, write in _OUTGOING.get(type(report), ())
        for name, args in write(report)
    ]


def confirmation(command: Command) -> Args | None:
    """The arguments that would confirm a change just as it was asked for; what really comes
    back may differ, because a knob is clamped.

    Empty for what is confirmed on another address; None for a question.
    """
    match command:
        case SetKnob(_, value):
            return (value,)
        case SetTags(tuple() as tags):
            return tags or ("",)
        case ToggleTag(_, on):
            return (int(on),)
        case SetLyrics(str() as text):
            return (text,)
        case NudgeKnob() | ResetKnob() | SavePreset() | Generate() | Render() | Cancel():
            return ()
    return None


@lru_cache(64)
def matching(pattern: str) -> tuple[str, ...]:
    """The knob addresses that fit an address pattern. Raises OscError when it is malformed."""
    fits = Pattern(pattern).matches
    return tuple(address for address, row, _ in concrete() if row.names and fits(address))


def nearest_address(address: str) -> str | None:
    """The address most like this one that takes messages; None when none is close."""
    return nearest(address, _VALID) if len(address) <= MAX_LENGTH else None


def _ignored(_args: Args) -> None:
    # Two daemons, or a client that echoes, must not answer each other's errors for ever.
    return None


Entry = tuple[str, Row, Callable[[Args], Command | Request | None]]


def _entry(address: str, row: Row, knob: Knob | None) -> Entry:
    name = knob.name if knob else ""
    return name, row, partial(row.read, name) if row.read else _ignored


_INCOMING: Final[dict[str, Entry]] = {found[0]: _entry(*found) for found in concrete()}
_VALID: Final = [address for address, row, _ in concrete() if row.takes is not None]
_OUTGOING: Final = {
    kind: [(row, row.write) for row in ROWS if row.report is kind and row.write is not None]
    for kind in {row.report for row in ROWS if row.report is not None}
}
_TAG_ROW: Final = next(row for row in ROWS if row.template.startswith(TAG))


def _tag(address: str) -> Entry:
    name = address.removeprefix(TAG)
    if name == address or not writers.tag_name(name):
        raise UnknownAddress(address)
    return name, _TAG_ROW, partial(readers.toggle_tag, name)
