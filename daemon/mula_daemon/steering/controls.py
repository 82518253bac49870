"""What the producer has set: knobs, the two prompts, lyrics. Pure; one thread.

The session owns the only instance and is its only writer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from mula_bridge.control import FRAME_KNOBS, KNOBS, Knobs, KnobValue, Preset, checked_text, knob
from mula_bridge.control.messages import Prompt
from mula_bridge.errors import BadInput, nearest
from mula_daemon.engine import EngineInfo, FrameKnobs, Texts, plain_text

Curve = Callable[[float], Mapping[str, KnobValue]]
"""Genre strength 0..1 -> the knobs it moves."""

SNAPSHOT: Final = ("genre_strength", *FRAME_KNOBS)
"""What a saved preset holds of the knobs: what steers the sound, not what belongs to a song."""

MAX_TAGS: Final = 32
MAX_TAG_LENGTH: Final = 64
MAX_LYRICS: Final = 8_000
"""Characters; a prompt beyond this would not fit any model we know."""


class UnknownTag(BadInput):
    """The engine has never heard this tag word."""

    code = "unknown_tag"

    def __init__(self, words: str) -> None:
        """``words``: which, and what was meant."""
        super().__init__(f"{words} (tags stay as they were)")
        self.words = words


class Controls:
    """Every setting, with the engine's limits applied.

    Setters return the names of the knobs whose effective value changed, and leave
    everything as it was when they raise.
    """

    def __init__(self, curve: Curve) -> None:
        self.knobs = Knobs()
        self.lyrics = ""
        self.frame_knobs = FrameKnobs()
        self.tags: dict[Prompt, tuple[str, ...]] = {Prompt.A: (), Prompt.B: ()}
        self.curve = curve
        """The way of genre strength; another one counts from its next turn on."""
        self._engine: EngineInfo | None = None
        self._refresh()

    @property
    def texts(self) -> Texts:
        """Both prompts' tags and the lyrics, as they are set now."""
        return Texts(self.tags[Prompt.A], self.tags[Prompt.B], self.lyrics)

    def fit(self, engine: EngineInfo) -> tuple[str, ...]:
        """Take over the ranges and vocabulary of an engine that became ready."""
        self._engine = engine
        return self._turn(dict(self.knobs))

    def respell(self) -> list[str]:
        """Spell tags that were set before the engine was known as it does.

        A tag that it does not know is left out; returns a sentence for each.
        """
        lost = []
        for prompt, tags in list(self.tags.items()):
            known: list[str] = []
            for tag in tags:
                try:
                    known += self.spelt((tag,))
                except UnknownTag as unknown:
                    lost.append(f"{unknown.words}; it is left out of prompt {prompt}")
            self.tags[prompt] = tuple(dict.fromkeys(known))
        self._reword()
        return lost

    def set(self, name: str, value: KnobValue, *, norm: bool = False) -> tuple[str, ...]:
        """Set a knob, in real units or by travel. Raises UnknownName and BadInput."""
        row = knob(name)
        if not norm:
            return self._turn({name: value})
        if isinstance(value, str):
            raise BadInput(f"knob {name!r} takes a travel 0..1, not {value!r}")
        return self._turn({name: row.from_norm(value)})

    def nudge(self, name: str, delta: float, *, norm: bool = False) -> tuple[str, ...]:
        """Move a knob by ``delta`` in real units (steps, for choices) or in travel."""
        row = knob(name)
        if norm:
            return self.set(name, row.to_norm(self.knobs[name]) + delta, norm=True)
        return self._turn({name: self.knobs.number(name) + delta})

    def reset(self, name: str) -> tuple[str, ...]:
        """Put a knob back to its default."""
        return self._turn({name: knob(name).default})

    def apply(self, preset: Preset) -> tuple[str, ...]:
        """Take over what ``preset`` names: all of it, or (when this raises) nothing."""
        texts = {
            prompt: self.spelt(tags)
            for prompt, tags in ((Prompt.A, preset.tags), (Prompt.B, preset.tags_b))
            if tags is not None
        }
        lyrics = self.lyrics if preset.lyrics is None else checked_lyrics(preset.lyrics)
        changed = self._turn(preset.knobs)  # the last thing that may be refused
        self.tags.update(texts)
        self.lyrics = lyrics
        self._reword()
        return changed

    def snapshot(self) -> Preset:
        """The steering knobs and the texts, as a preset; tempo, length and seed stay out of it."""
        return Preset(
            {name: self.knobs[name] for name in SNAPSHOT},
            self.tags[Prompt.A],
            self.tags[Prompt.B],
            self.lyrics,
        )

    def set_tags(self, tags: tuple[str, ...], prompt: Prompt = Prompt.A) -> None:
        """Replace a prompt's tags, in the engine's spelling. Raises UnknownTag and BadInput."""
        self.tags[prompt] = self.spelt(tags)
        self._reword()

    def tags_of(self, prompt: Prompt, own: tuple[str, ...] | None) -> tuple[str, ...]:
        """A job's ``own`` tags if it has any, else those that are set."""
        return self.tags[prompt] if own is None else self.spelt(own)

    def toggle_tag(self, tag: str, on: bool) -> None:
        """Add one tag to prompt A, or take it out."""
        (word,) = self.spelt((tag,)) or ("",)
        rest = tuple(other for other in self.tags[Prompt.A] if other != word)
        self.set_tags((*rest, word) if on else rest)

    def set_lyrics(self, text: str) -> None:
        """Replace the lyrics. Raises BadInput when they are too long for any model."""
        self.lyrics = checked_lyrics(text)
        self._reword()

    def spelt(self, tags: tuple[str, ...]) -> tuple[str, ...]:
        """``tags`` one by one, in the engine's spelling. Raises UnknownTag and BadInput."""
        parts = [" ".join(part.lower().split()) for tag in tags for part in tag.split(",")]
        words = [part for part in parts if part]
        for word in words:
            if len(word) > MAX_TAG_LENGTH:
                raise BadInput(f"tag {word[:20]!r}... is longer than {MAX_TAG_LENGTH} characters")
            checked_text(word, f"the tag {word!r}")
        vocabulary = self._engine.vocabulary if self._engine else None
        if vocabulary is not None:
            words = [self._known(word, vocabulary) for word in words]
        words = list(dict.fromkeys(words))
        if len(words) > MAX_TAGS:
            raise BadInput(f"{len(words)} tags are more than {MAX_TAGS}; leave some out")
        return tuple(words)

    def _known(self, word: str, vocabulary: Mapping[str, str]) -> str:
        folded = re.sub(r"[\s_-]+", " ", plain_text(word)).strip()
        if folded in vocabulary:
            return vocabulary[folded]
        close = nearest(folded, vocabulary)
        hint = f"; did you mean {close}?" if close else "; mula tags lists what it knows"
        engine = self._engine.name if self._engine else "the engine"
        raise UnknownTag(f"{engine} does not know the tag {word!r}{hint}")

    def _turn(self, moves: Mapping[str, object]) -> tuple[str, ...]:
        wanted = self.knobs.turned(**moves)
        if "genre_strength" in moves and "cfg" not in moves:
            wanted = wanted.turned(**self.curve(wanted.number("genre_strength")))
        wanted = wanted.turned(**{name: self._limited(name, wanted[name]) for name in wanted})
        before, self.knobs = self.knobs, wanted
        changed = tuple(name for name in KNOBS if before[name] != wanted[name])
        if any(name in FRAME_KNOBS or name == "bpm" for name in changed):
            self._refresh()
        return changed

    def _limited(self, name: str, value: KnobValue) -> KnobValue:
        span = self._engine.knobs.get(name) if self._engine else None
        if span is None or isinstance(value, str):
            return value
        return min(span.maximum, max(span.minimum, value))

    def _reword(self) -> None:
        if self.frame_knobs.texts != self.texts:
            self._refresh()

    def _refresh(self) -> None:
        self.frame_knobs = replace(
            FrameKnobs(
                cfg=self.knobs.number("cfg"),
                temperature=self.knobs.number("temperature"),
                top_k=int(self.knobs.number("top_k")),
                morph=self.knobs.number("morph"),
                texts=self.texts,
                bpm=self.knobs.number("bpm"),
            ),
            revision=self.frame_knobs.revision + 1,
        )


def checked_lyrics(text: str) -> str:
    """``text``, if it can be written and is short enough for any model. Raises BadInput."""
    if len(text) > MAX_LYRICS:
        raise BadInput(f"lyrics have {len(text)} characters; at most {MAX_LYRICS} fit")
    return checked_text(text, "the text of the lyrics")
