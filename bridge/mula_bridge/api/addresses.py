"""The OSC address table: every address, once.

Decoding, encoding, the hints in error messages and the reference are made from
``ROWS``; OSCQuery and the Max device can be. Pure; any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

from mula_bridge.api import readers as readers
from mula_bridge.api import writers as writers
from mula_bridge.api.hints import likeliest
from mula_bridge.api.readers import QueryVersion, Reader, Request
from mula_bridge.control import (
    KNOBS,
    Knob,
    checked_text,
    legible,
    parse_quantum,
)
from mula_bridge.control.messages import (
    AudioDevice,
    AudioReport,
    AuditionAdvance,
    AuditionCompare,
    AuditionFollow,
    AuditionLoop,
    AuditionPlay,
    AuditionSettings,
    AuditionState,
    AuditionStop,
    Beat,
    Cancel,
    ClipJudged,
    ClipReady,
    ClockChanged,
    Command,
    DeckChanged,
    EngineChanged,
    Failed,
    FrameReport,
    Generate,
    Heard,
    JobChanged,
    KnobChanged,
    KnobLearnt,
    LiveChanged,
    LoadPreset,
    LyricsChanged,
    Notice,
    Panic,
    PresetSaved,
    PresetsChanged,
    Progress,
    Prompt,
    Quantised,
    QueryDump,
    QueryStatus,
    Report,
    SavePreset,
    ServiceChanged,
    StartTransport,
    Status,
    StatusReport,
    Stop,
    StopLearning,
    StopTransport,
    TagsChanged,
    UndoJudgement,
)
from mula_bridge.errors import BadInput
from mula_bridge.osc import (
    ArgKind,
    Args,
    Argument,
    Mismatch,
    Pattern,
    with_impulses,
)

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
    brakes: bool = False
    """It ends something: whatever comes that is not a button's release triggers it."""

    @property
    def direction(self) -> str:
        """``in``, ``out`` or ``both``, as seen by the daemon."""
        if self.takes is None:
            return "out"
        return "in" if self.gives is None else "both"

    @property
    def takes_texts(self) -> bool:
        """Whether any number of texts may be sent to it: several words, of which any may be
        ``bang``."""
        return any(argument.repeats for argument in self.takes or ())

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
    return Argument(name, ArgKind.NUMBER, optional)


def _whole(name: str, *, optional: bool = False) -> Argument:
    return Argument(name, ArgKind.WHOLE, optional)


def _text(name: str, *, optional: bool = False, repeats: bool = False) -> Argument:
    return Argument(name, ArgKind.TEXT, optional, repeats)


def _read_at(name: str, args: Args) -> Command | None:
    quantum, _, rest = name.partition("/")
    beats = parse_quantum(quantum)
    inner = f"/mula/{rest}"
    if inner.startswith(AT):
        raise UnknownAddress(inner)
    asked = decode(inner, args)
    if isinstance(asked, readers.REQUESTS):
        raise BadInput(f"{inner} is answered at once; it cannot wait for the beat")
    return None if asked is None else Quantised(asked, beats)


_ANYTHING = (Argument("argument", ArgKind.ANY, optional=True, repeats=True),)
_TRIGGER = (Argument("trigger", ArgKind.TRIGGER, optional=True),)
_SWITCH = (Argument("on", ArgKind.SWITCH),)
_ASKED_SWITCH = (Argument("on", ArgKind.SWITCH, optional=True),)
_PRESET = (Argument("preset", ArgKind.NAME_OR_NUMBER),)
_ALL_KNOBS = tuple(KNOBS)

ROWS: Final = (
    Row("/mula/ping", "Are you there? Answered at once, also while the model loads.",
        takes=_ANYTHING, read=readers.ping),
    Row("/mula/pong", "The answer to a ping, with the same arguments.", gives=_ANYTHING),
    Row("/mula/version", "The version of the daemon.",
        takes=_TRIGGER, gives=(_text("version"),), read=readers.trigger(QueryVersion)),
    Row("/mula/status", "The engine and its state, the running job, and how many jobs wait, clips "
        "are made and audio blocks came late. A /mula/service follows for each part of "
        "the daemon in which something has failed.",
        takes=_TRIGGER, gives=(_text("engine"), _text("state"), _text("job"), _whole("queued"),
                               _whole("clips"), _whole("underruns")),
        read=readers.trigger(QueryStatus), report=StatusReport, write=writers.status),
    Row("/mula/service", "How a part of the daemon is: well (as ever, or again), failing (it left "
        "something undone and works on) or dead (until mula run is started again); how often "
        "something failed in it so far, and the last of that.",
        gives=(_text("name"), _text("state"), _whole("faults"), _text("detail")),
        report=ServiceChanged, write=writers.service),
    Row("/mula/dump", "Sends every knob and text, each on its own address.",
        takes=_TRIGGER, read=readers.trigger(QueryDump)),
    Row("/mula/knob/NAME", "Sets a knob in its own unit, clamped; the effective value comes back. "
        "Without an argument, asks for it.",
        takes=(Argument("value", ArgKind.KNOB, optional=True),),
        gives=(Argument("value", ArgKind.KNOB),),
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
        "clears them; no argument asks for them. They act on the next clip; with mula run --texts "
        "now on the running one too.",
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
    Row("/mula/live", "Plays for ever through the audio interface, or ends that. Clips asked for "
        "meanwhile wait for its end. When it ends by itself, a reason comes along.",
        takes=_SWITCH, gives=(*_SWITCH, _text("reason", optional=True)),
        read=readers.live, report=LiveChanged, write=writers.live),
    Row("/mula/capture", "Keeps the last bars of live play that were heard as a clip: so many, or "
        "as many as the knob bars says.",
        takes=(_whole("bars", optional=True),), read=readers.capture),
    Row("/mula/heard", "The knob's value is in what is heard now: milliseconds since the change "
        "came in, and how many of them it waited for its frame to begin.",
        gives=(_text("knob"), _number("value"), _number("milliseconds"), _number("waited")),
        report=Heard, write=writers.heard),
    Row("/mula/reroll", "Queues a job like the one that made a clip (none: the one on the deck), "
        "with the same prompt and knob moves and another seed.",
        takes=(_text("clip", optional=True), _text("id", optional=True)), read=readers.reroll),
    Row("/mula/more", "Queues more like a clip (none: the one on the deck): the same prompt and "
        "knob moves with the seeds next to it that are free. As many takes as the knob says.",
        takes=(_text("clip", optional=True), _whole("takes", optional=True),
               _text("id", optional=True)), read=readers.make_more),
    Row("/mula/audition/play", "Plays a clip, also one that is still being written; without an id "
        "the one on the deck.",
        takes=(*_TRIGGER, _text("clip", optional=True)),
        read=readers.trigger_with_id(AuditionPlay)),
    Row("/mula/audition/stop", "Stops it; generation goes on.",
        takes=_TRIGGER, read=readers.brake(AuditionStop), brakes=True),
    Row("/mula/audition/next", "The next clip: the job's next take, then the job made before.",
        takes=_TRIGGER, read=readers.step(1)),
    Row("/mula/audition/prev", "The clip before, back to the newest job's first take.",
        takes=_TRIGGER, read=readers.step(-1)),
    Row("/mula/audition/ab", "A/B: the other clip of the pair from the same beat on, both equally "
        "loud. The pair is the clip on the deck and the one you name, or the one heard before.",
        takes=(*_TRIGGER, _text("clip", optional=True)),
        read=readers.trigger_with_id(AuditionCompare)),
    Row("/mula/audition/keep", "Moves a clip (none: the one on the deck) into the folder kept, "
        "with all that belongs to it.",
        takes=(*_TRIGGER, _text("clip", optional=True)), read=readers.judge(Status.KEPT)),
    Row("/mula/audition/reject", "Moves a clip into the folder rejected, and off the deck.",
        takes=(*_TRIGGER, _text("clip", optional=True)), read=readers.judge(Status.REJECTED)),
    Row("/mula/audition/restore", "Moves a clip back to the new ones.",
        takes=(*_TRIGGER, _text("clip", optional=True)), read=readers.judge(Status.NEW)),
    Row("/mula/audition/favourite", "Marks a clip (none: the one on the deck) as a favourite, or "
        "not any more. It stays where it is.",
        takes=(*_SWITCH, _text("clip", optional=True)), gives=(*_SWITCH, _text("clip")),
        read=readers.favourite, report=DeckChanged, write=writers.favourite),
    Row("/mula/audition/undo", "Takes back the last keep, reject or favourite.",
        takes=_TRIGGER, read=readers.trigger(UndoJudgement)),
    Row("/mula/audition/loop", "Whether clips are played round and round.",
        takes=_ASKED_SWITCH, gives=_SWITCH, read=readers.switch(AuditionLoop),
        report=AuditionSettings, write=writers.audition_loop),
    Row("/mula/audition/follow", "Whether the deck plays the first take of a job as soon as it "
        "begins to be written.",
        takes=_ASKED_SWITCH, gives=_SWITCH, read=readers.switch(AuditionFollow),
        report=AuditionSettings, write=writers.audition_follow),
    Row("/mula/audition/advance", "Whether the deck goes on to the next clip after a keep or a "
        "reject.",
        takes=_ASKED_SWITCH, gives=_SWITCH, read=readers.switch(AuditionAdvance),
        report=AuditionSettings, write=writers.audition_advance),
    Row("/mula/audition/quantise", "What clips wait for before they begin: off, beat, bar, 2bars "
        "and so on, or a number of bars.",
        takes=(_text("quantum", optional=True),), gives=(_text("quantum"),),
        read=readers.quantise, report=AuditionSettings, write=writers.audition_quantise),
    Row("/mula/audition/gain", "How loud the deck plays, in dB (-60..12), beside the knob.",
        takes=(_number("decibels", optional=True),), gives=(_number("decibels"),),
        read=readers.audition_gain, report=AuditionSettings, write=writers.audition_gain),
    Row("/mula/audition/state", "What is heard: the clip, whether the deck is stopped, waiting for "
        "its beat or playing, the beat in the clip and its number of beats, whether it loops, and "
        "whether it is in the session's tempo (0: it is not, and plays as it is).",
        gives=(_text("clip"), _text("playing"), _number("beat"), _whole("beats"),
               Argument("loop", ArgKind.SWITCH), Argument("in_tempo", ArgKind.SWITCH)),
        report=AuditionState, write=writers.audition_state),
    Row("/mula/audition/clip", "The clip on the deck, its place among the others (from 1), and "
        "what it is. While it is being written, writing is 1.",
        gives=(_text("clip"), _whole("number"), _whole("count"), _text("tags"), _number("bpm"),
               _whole("bars"), _whole("seed"), _whole("take"), _text("status"),
               Argument("favourite", ArgKind.SWITCH), Argument("writing", ArgKind.SWITCH)),
        report=DeckChanged, write=writers.deck),
    Row("/mula/clip/status", "A clip is new, kept or rejected now, a favourite or not, and where "
        "it is.",
        gives=(_text("id"), _text("status"), Argument("favourite", ArgKind.SWITCH), _text("path")),
        report=ClipJudged, write=writers.judged),
    Row("/mula/cancel", "Cancels a job, or the running one.",
        takes=(*_TRIGGER, _text("id", optional=True)), read=readers.brake_with_id(Cancel),
        brakes=True),
    Row("/mula/stop", "Stops the sound; generation goes on.",
        takes=_TRIGGER, read=readers.brake(Stop), brakes=True),
    Row("/mula/panic", "Silence at once, and every job is cancelled.",
        takes=_TRIGGER, read=readers.brake(Panic), brakes=True),
    Row("/mula/preset/load", "Turns every knob of a preset, by its name or its number from 1.",
        takes=_PRESET, read=readers.preset(LoadPreset)),
    Row("/mula/preset/save", "Keeps knobs, tags and lyrics as a preset; its name comes back.",
        takes=_PRESET, gives=(_text("name"),),
        read=readers.preset(SavePreset), report=PresetSaved, write=writers.preset),
    Row("/mula/preset/morph", "Goes so far, 0..1, from one preset to another. One number does it "
        "for neighbours: 1.5 is halfway from the first to the second.",
        takes=(*_PRESET, Argument("other", ArgKind.NAME_OR_NUMBER, optional=True),
               _number("far", optional=True)),
        read=readers.morph_presets),
    Row("/mula/presets", "The names of all presets, in the order of their numbers, as far as "
        "one message holds them.",
        gives=(_text("name", repeats=True),), report=PresetsChanged, write=writers.presets),
    Row("/mula/bpm", "The tempo: the knob bpm under a shorter name. While a MIDI clock leads, it "
        "stays the clock's.",
        takes=(_number("bpm", optional=True),), gives=(_number("bpm"),),
        read=readers.set_bpm, report=KnobChanged, write=writers.bpm),
    Row("/mula/transport/start", "Begins the song: its first bar begins now, or with Link at the "
        "session's next bar.",
        takes=_TRIGGER, read=readers.trigger(StartTransport)),
    Row("/mula/transport/stop", "Ends the song; beats are counted on, so that a trigger can wait "
        "for the bar.",
        takes=_TRIGGER, read=readers.brake(StopTransport), brakes=True),
    Row("/mula/clock/source", "Whose time to follow: link, midi, internal, or auto, which takes "
        "the first of them that is there.",
        takes=(_text("source", optional=True),), gives=(_text("source"),),
        read=readers.choose_clock, report=ClockChanged, write=writers.clock_source),
    Row("/mula/clock", "Who leads the time now: link, midi or internal; its tempo, whether it "
        "plays, and its MIDI port or number of Link peers.",
        gives=(_text("leader"), _number("bpm"), Argument("playing", ArgKind.SWITCH), _text("name")),
        report=ClockChanged, write=writers.clock),
    Row("/mula/beat", "A beat begins: bar and beat, counted from 1, the tempo, whether it plays, "
        "and by how many milliseconds this message comes late.",
        gives=(_whole("bar"), _whole("beat"), _number("bpm"), Argument("playing", ArgKind.SWITCH),
               _number("late")),
        report=Beat, write=writers.beat, opt_in=True),
    Row("/mula/at/NAME/ADDRESS", "Any other address, without its /mula, obeyed on the beat: NAME "
        "is beat, bar, 2bars and so on, as in /mula/at/bar/generate and /mula/at/2bars/knob/cfg. "
        "The last move of a knob that waits counts; /mula/panic forgets what waits.",
        takes=_ANYTHING, read=_read_at),
    Row("/mula/learn/start", "Binds the next MIDI control you touch to a knob.",
        takes=(_text("knob"),), read=readers.learn),
    Row("/mula/learn/cancel", "Ends that without binding anything.",
        takes=_TRIGGER, read=readers.brake(StopLearning), brakes=True),
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
    Row("/mula/engine", "The engine is starting, ready, restarting, resting (it died again and "
        "again, and is tried again by itself) or failed; which one, or why.",
        gives=(_text("state"), _text("detail")), report=EngineChanged, write=writers.engine),
    Row("/mula/frame", "One frame, and the knobs it was sampled with.",
        gives=(_text("job"), _whole("index"), _whole("total"), _number("cfg"),
               _number("temperature"), _whole("top_k"), _number("morph")),
        report=FrameReport, write=writers.frame, opt_in=True),
    Row("/mula/audio", "The peak level in dBFS (-120 is silence), and audio blocks that came late.",
        gives=(_number("peak"), _whole("underruns")), report=AudioReport, write=writers.audio),
    Row("/mula/notice", "What a job has to say short of failing, such as a near-silent take or a "
        "codec that had to hurry: a code for programs and a sentence for you.",
        gives=(_text("job"), _text("code"), _text("text")),
        report=Notice, write=writers.notice),
    Row("/mula/audio/device", "The audio interface is open, lost or missing: its name, rate in Hz "
        "and latency in ms, or why it is not open. One that comes back is opened by itself.",
        gives=(_text("state"), _text("name"), _whole("rate"), _number("latency"),
               _text("detail")),
        report=AudioDevice, write=writers.audio_device),
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
AT: Final = "/mula/at/"


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
    name, row, read = _INCOMING.get(address) or _open(address)
    try:
        return read(_admitted(address, row, args))
    except Mismatch as came:
        raise BadInput(f"{address} takes {row.expects(name)}; {came} came") from None


def encode(report: Report) -> list[tuple[str, Args]]:
    """The messages that a report becomes: address and arguments of each.

    Empty for a kind of report that no row sends.
    """
    return [
        (row.at(name), tuple([legible(arg) if isinstance(arg, str) else arg for arg in args]))
        for row, write in _OUTGOING.get(type(report), ())
        for name, args in write(report)
    ]


@lru_cache(64)
def matching(pattern: str) -> tuple[str, ...]:
    """The knob addresses that fit an address pattern. Raises OscError when it is malformed."""
    fits = Pattern(pattern).matches
    return tuple(address for address, row, _ in concrete() if row.names and fits(address))


def _admitted(address: str, row: Row, args: Args) -> Args:
    """The arguments as readers get them: texts checked, each bang an impulse. Raises BadInput."""
    if len(args) == 1 and type(args[0]) is float:  # nearly every message there is
        return args
    if row.takes is not _ANYTHING:
        for value in args:
            if isinstance(value, str):
                checked_text(value, f"a text for {address}")
    return args if len(args) > 1 and row.takes_texts else with_impulses(args)


def nearest_address(address: str) -> str | None:
    """The address that takes messages and was most likely meant; None when none is close."""
    return likeliest(address, _VALID)


def brakes(address: str) -> bool:
    """Whether what comes to this address ends something even where it cannot be read: not so
    where an id may have been meant."""
    return address in _BRAKES


def _ignored(_args: Args) -> None:
    # Two daemons, or a client that echoes, must not answer each other's errors for ever.
    return None


Entry = tuple[str, Row, Callable[[Args], Command | Request | None]]


def _entry(address: str, row: Row, knob: Knob | None) -> Entry:
    name = knob.name if knob else ""
    return name, row, partial(row.read, name) if row.read else _ignored


_INCOMING: Final[dict[str, Entry]] = {found[0]: _entry(*found) for found in concrete()}
_VALID: Final = [address for address, row, _ in concrete() if row.takes is not None]
_BRAKES: Final = frozenset(row.template for row in ROWS if row.brakes and row.takes == _TRIGGER)
_OUTGOING: Final = {
    kind: [(row, row.write) for row in ROWS if row.report is kind and row.write is not None]
    for kind in {row.report for row in ROWS if row.report is not None}
}
_TAG_ROW: Final = next(row for row in ROWS if row.template.startswith(TAG))
_AT_ROW: Final = next(row for row in ROWS if row.template.startswith(AT))


def _open(address: str) -> Entry:
    """An address with a part that no table holds: a tag, or what is to wait for the beat."""
    if address.startswith(AT):
        name = address.removeprefix(AT)
        return name, _AT_ROW, partial(_read_at, name)
    name = address.removeprefix(TAG)
    if name == address or not writers.tag_name(name):
        raise UnknownAddress(address)
    checked_text(name, "a tag")
    return name, _TAG_ROW, partial(readers.toggle_tag, name)
