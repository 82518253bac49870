"""The commands about settings: knobs, texts and presets, and what everybody hears of them.

Session thread only; the session hands every command here first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mula_bridge.control import KNOBS, Preset, Publish, find_preset, morph
from mula_bridge.control.messages import (
    DAEMON,
    Command,
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
    Report,
    ResetKnob,
    SavePreset,
    SetKnob,
    SetLyrics,
    SetTags,
    TagsChanged,
    ToggleTag,
)
from mula_daemon.steering.controls import Controls, Curve
from mula_daemon.steering.preset_store import PresetStore


class Steering:
    """Changes the controls and says what changed.

    ``moved`` is called with the names of the knobs whose effective value changed and who
    moved them, before anyone hears of it.
    """

    def __init__(
        self,
        controls: Controls,
        presets: PresetStore,
        publish: Publish,
        moved: Callable[[Sequence[str], Origin], None],
    ) -> None:
        self.controls = controls
        self._presets = presets
        self._publish = publish
        self._moved = moved

    def handle(self, command: Command, origin: Origin) -> bool:
        """Obey a command about settings; False for any other. Raises MulaError."""
        controls = self.controls
        match command:
            case SetKnob(name, value, norm):
                self.turned(controls.set(name, value, norm=norm), origin, name)
            case NudgeKnob(name, delta, norm):
                self.turned(controls.nudge(name, delta, norm=norm), origin, name)
            case ResetKnob(name):
                self.turned(controls.reset(name), origin, name)
            case QueryKnob(name):
                self._publish(self._knob(name), to=origin)
            case SetTags(tuple() as tags, prompt):
                controls.set_tags(tags, prompt)
                self._announce(TagsChanged(controls.tags[prompt], prompt), origin)
            case SetTags(_, prompt):
                self._publish(TagsChanged(controls.tags[prompt], prompt), to=origin)
            case ToggleTag(tag, on):
                controls.toggle_tag(tag, on)
                self._announce(TagsChanged(controls.tags[Prompt.A]), origin)
            case SetLyrics(str() as text):
                controls.set_lyrics(text)
                self._announce(LyricsChanged(controls.lyrics), origin)
            case SetLyrics():
                self._publish(LyricsChanged(controls.lyrics), to=origin)
            case LoadPreset(preset):
                self._apply(find_preset(self._presets.presets(), preset))
            case MorphPresets(one, other, at):
                book = self._presets.presets()
                self._apply(morph(find_preset(book, one), find_preset(book, other), at))
            case SavePreset(preset):
                before = self._names()
                name = self._presets.save(preset, controls.snapshot())
                self._announce(PresetSaved(name), origin)
                if self._names() != before:
                    self._publish(self._names())
            case _:
                return False
        return True

    def remap(self, presets: Mapping[str, Preset], curve: Curve | None) -> None:
        """Other presets are shipped now, and genre strength goes another way when next it is
        turned (None: the same one)."""
        if curve is not None:
            self.controls.curve = curve
        self._presets.ship(presets)
        self._publish(self._names())

    def turned(self, changed: Sequence[str], origin: Origin = DAEMON, asked: str = "") -> None:
        """Say which knobs changed; ``asked`` is the one that ``origin`` wanted to move."""
        self._moved(changed, origin)
        for name in changed:
            # What a macro or preset moved along is news for its sender too.
            self._publish(self._knob(name), but=origin if name == asked else None)
        if asked and origin != DAEMON:
            self._publish(self._knob(asked), to=origin)

    def dump(self, origin: Origin) -> None:
        """Tell one origin every knob and text."""
        for name in KNOBS:
            self._publish(self._knob(name), to=origin)
        for prompt in Prompt:
            self._publish(TagsChanged(self.controls.tags[prompt], prompt), to=origin)
        self._publish(LyricsChanged(self.controls.lyrics), to=origin)
        self._publish(self._names(), to=origin)

    def _names(self) -> PresetsChanged:
        return PresetsChanged(tuple(self._presets.presets()))

    def _apply(self, preset: Preset) -> None:
        controls = self.controls
        tags, lyrics = dict(controls.tags), controls.lyrics
        self.turned(controls.apply(preset))
        for prompt in Prompt:
            if controls.tags[prompt] != tags[prompt]:
                self._publish(TagsChanged(controls.tags[prompt], prompt))
        if controls.lyrics != lyrics:
            self._publish(LyricsChanged(controls.lyrics))

    def _knob(self, name: str) -> KnobChanged:
        value = self.controls.knobs[name]
        return KnobChanged(name, value, KNOBS[name].to_norm(value))

    def _announce(self, report: Report, origin: Origin) -> None:
        """News for everyone, and the answer to who caused it."""
        self._publish(report, but=origin)
        if origin != DAEMON:
            self._publish(report, to=origin)
