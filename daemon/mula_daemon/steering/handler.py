"""The commands about knobs, texts and presets, and what everybody hears of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import assert_never, get_args

from msgspec import Struct

from mula_bridge.control import KNOBS, Errands, Preset, Publish, find_preset, morph
from mula_bridge.control.messages import (
    DAEMON,
    Failed,
    KnobChanged,
    LoadPreset,
    LyricsChanged,
    MorphPresets,
    NudgeKnob,
    Origin,
    PresetSaved,
    PresetsChanged,
    Prompt,
    QueryKnob,
    ResetKnob,
    SavePreset,
    SetKnob,
    SetLyrics,
    SetTags,
    SteeringCommand,
    TagsChanged,
    ToggleTag,
)
from mula_bridge.errors import MulaError, Unavailable
from mula_daemon.audio import Speaker
from mula_daemon.engine import EngineHost, EngineInfo
from mula_daemon.session import Handler, Mailbox
from mula_daemon.steering.controls import Controls, Curve, UnknownTag
from mula_daemon.steering.preset_store import Draft, PresetStore
from mula_daemon.tempo import CLOCK, Conductor

_log = logging.getLogger(__name__)


class Remapped(Struct, frozen=True):
    """The mapping files changed: what they say besides bindings.

    ``curve`` None: genre strength keeps the one it has.
    """

    presets: Mapping[str, Preset]
    curve: Curve | None


class PresetWritten(Struct, frozen=True):
    """A preset that ``origin`` had saved is on the disk, or is not, for the reason ``error``."""

    name: str
    origin: Origin
    error: MulaError | None = None


SteeringEvent = Remapped | PresetWritten


class Steering(Handler[SteeringCommand, SteeringEvent]):
    """Changes the controls, says what changed, and hands the engine what it samples with.

    Presets are written by ``files``, and can be loaded at once.
    """

    commands = get_args(SteeringCommand)
    events = get_args(SteeringEvent)

    def __init__(
        self,
        controls: Controls,
        presets: PresetStore,
        files: Errands,
        mailbox: Mailbox,
        publish: Publish,
        host: EngineHost,
        conductor: Conductor,
        speaker: Speaker,
    ) -> None:
        self.controls = controls
        self._presets = presets
        self._files = files
        self._mailbox = mailbox
        self._publish = publish
        self._host = host
        self._conductor = conductor
        self._speaker = speaker
        self._revision = controls.frame_knobs.revision
        host.turn(controls.frame_knobs)

    def handle(self, command: SteeringCommand, origin: Origin) -> None:
        """Obey. Raises MulaError."""
        controls = self.controls
        match command:
            case SetKnob(name, value, norm):
                self._turned(controls.set(name, value, norm=norm), origin, name)
            case NudgeKnob(name, delta, norm):
                self._turned(controls.nudge(name, delta, norm=norm), origin, name)
            case ResetKnob(name):
                self._turned(controls.reset(name), origin, name)
            case QueryKnob(name):
                self._publish(self._knob(name), to=origin)
            case SetTags(tuple() as tags, prompt):
                controls.set_tags(tags, prompt)
                self._publish(TagsChanged(controls.tags[prompt], prompt), by=origin)
            case SetTags(_, prompt):
                self._publish(TagsChanged(controls.tags[prompt], prompt), to=origin)
            case ToggleTag(tag, on):
                controls.toggle_tag(tag, on)
                self._publish(TagsChanged(controls.tags[Prompt.A]), by=origin)
            case SetLyrics(str() as text):
                controls.set_lyrics(text)
                self._publish(LyricsChanged(controls.lyrics), by=origin)
            case SetLyrics():
                self._publish(LyricsChanged(controls.lyrics), to=origin)
            case LoadPreset(preset):
                self._apply(find_preset(self._presets.presets(), preset))
            case MorphPresets(one, other, at):
                book = self._presets.presets()
                self._apply(morph(find_preset(book, one), find_preset(book, other), at))
            case SavePreset(preset):
                before = self._names()
                draft = self._presets.put(preset, controls.snapshot())
                try:
                    self._files.do(partial(self._write, draft, origin))
                except MulaError:  # too much waits for the disk
                    self._presets.take_back(draft)
                    raise
                if self._names() != before:
                    self._publish(self._names())
            case _:
                assert_never(command)
        self._turn()

    def hear(self, event: SteeringEvent) -> None:
        """Take other maps, and the word of the disk."""
        match event:
            case Remapped(presets, curve):
                if curve is not None:  # genre strength goes another way when next it is turned
                    self.controls.curve = curve
                self._presets.ship(presets)
                self._publish(self._names())
            case PresetWritten(name, origin, error):
                if error is None:
                    self._publish(PresetSaved(name), by=origin)
                    return
                failed = Failed(origin.address, error.code, str(error))
                self._publish(failed, to=None if origin == DAEMON else origin)
                self._publish(self._names())
            case _:
                assert_never(event)

    def fit(self, engine: EngineInfo) -> None:
        """Keep to what an engine that became ready honours, and hand it the knobs."""
        tags = dict(self.controls.tags)
        self._turned(self.controls.fit(engine))
        for text in self.controls.respell():
            self._publish(Failed("/mula/tags", UnknownTag.code, text))
        self._say_tags(tags)
        self._host.turn(self.controls.frame_knobs)

    def _turned(self, changed: Sequence[str], origin: Origin = DAEMON, asked: str = "") -> None:
        """Act on which knobs changed, and say so; ``asked`` is the one ``origin`` moved."""
        self._turn()
        if "bpm" in changed and origin != CLOCK:
            wanted = self.controls.knobs.number("bpm")
            held = self._conductor.set_bpm(wanted)
            if held != wanted:
                self._mailbox.pass_on(SetKnob("bpm", held), CLOCK)
        if "gain_db" in changed:
            self._speaker.gain.decibels = self.controls.knobs.number("gain_db")
        for name in changed:
            # What a macro or preset moved along is news for its sender too.
            self._publish(self._knob(name), by=origin if name == asked else None)
        if asked and asked not in changed:
            self._publish(self._knob(asked), to=origin)

    def dump(self, origin: Origin) -> None:
        """Tell one origin every knob and text."""
        for name in KNOBS:
            self._publish(self._knob(name), to=origin)
        for prompt in Prompt:
            self._publish(TagsChanged(self.controls.tags[prompt], prompt), to=origin)
        self._publish(LyricsChanged(self.controls.lyrics), to=origin)
        self._publish(self._names(), to=origin)

    def _turn(self) -> None:
        """Hand the engine what every next frame is to be sampled with, if it changed."""
        knobs = self.controls.frame_knobs
        if knobs.revision != self._revision:
            self._revision = knobs.revision
            self._host.turn(knobs)

    def _write(self, draft: Draft, origin: Origin) -> None:
        """The worker's thread."""
        name = draft.name
        error: MulaError | None = None
        try:
            self._presets.write(draft)
        except MulaError as refused:
            error = refused
        except Exception as broken:
            _log.exception("preset %s could not be written", name)
            error = Unavailable(f"preset {name} is not saved ({broken!r}); see the daemon's log")
        self._mailbox.post(PresetWritten(name, origin, error))

    def _names(self) -> PresetsChanged:
        return PresetsChanged(tuple(self._presets.presets()))

    def _apply(self, preset: Preset) -> None:
        controls = self.controls
        tags, lyrics = dict(controls.tags), controls.lyrics
        self._turned(controls.apply(preset))
        self._say_tags(tags)
        if controls.lyrics != lyrics:
            self._publish(LyricsChanged(controls.lyrics))

    def _say_tags(self, before: Mapping[Prompt, tuple[str, ...]]) -> None:
        """Tell everybody of tags that are others than ``before``."""
        for prompt, tags in self.controls.tags.items():
            if tags != before[prompt]:
                self._publish(TagsChanged(tags, prompt))

    def _knob(self, name: str) -> KnobChanged:
        value = self.controls.knobs[name]
        return KnobChanged(name, value, KNOBS[name].to_norm(value))
