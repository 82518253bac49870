"""Decoding a clip while it is still being generated.

Where a full decode denoises 29.76 s at a time, this denoises a few seconds, beginning with
latents that are known already. Latents once drawn never change, so the sound of a stretch needs
no cross-fade: it is decoded with the latents around it, and waits for the two that follow it.
Engine process only; one thread at a time.

How close short windows come to a full decode depends on the weights: it has to be measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from mula_bridge.errors import BadInput, UnknownName
from mula_daemon.engine.heartmula.codec import (
    CHANNELS,
    LATENTS_PER_FRAME,
    Arithmetic,
    Checked,
    Codes,
    HeartCodec,
    Noise,
    SoundStream,
)
from mula_daemon.engine.heartmula.model.effort import Effort

LIVE_HOP: Final = 8
"""Frames a window adds in live play at most: with more a knob is heard seconds later. Shorter
windows cost more, each being denoised with all its context (see `live_plan`)."""


@dataclass(frozen=True)
class StreamSettings:
    """How a stream trades cost and delay for closeness to a full decode.

    Lengths are in frames of 80 ms: a window begins with ``context`` frames of known latents and
    adds ``hop`` new ones; the ``first`` has no context and sets when sound begins. ``steps`` and
    ``guidance`` are those of `HeartCodec.decode`. Raises `BadInput` when out of range.
    """

    first: int = 77
    context: int = 52
    hop: int = 25
    steps: int = 10
    guidance: float = 1.25
    flow: Arithmetic = Arithmetic.LOADED
    """How the codec's transformer computes. Nobody has heard yet what else than the loaded type
    does to the sound."""
    bursts: int = 1
    """0: live play makes its frames one by one, in time with the ear, and not in bursts."""
    named: tuple[str, ...] = ()
    """What the user has set, be it to its default: nobody else changes that."""

    def holds(self, name: str) -> bool:
        """Whether the user has set ``name``."""
        field = self.__dataclass_fields__[name]
        return name in self.named or getattr(self, name) != field.default

    @property
    def delay(self) -> int:
        """How many frames at most a frame waits for its sound: a window has to be full, and the
        sound of its end waits for the next one's latents."""
        return max(self.first, self.hop) + self.hop

    def held(self, known: int) -> int:
        """How many frames of context a window has when ``known`` are known: all, or a half of it,
        a quarter ..., so that live play begins with few different windows."""
        held = self.context
        while held > known:
            held //= 2
        return held

    def windows(self) -> list[tuple[int, int]]:
        """What windows a stream has before all are alike: context and new frames of each."""
        known, found = 0, dict[tuple[int, int], None]()
        while True:
            held, step = self.held(known), self.hop if known else self.first
            found[held, step] = None
            if known and held == self.context:
                return list(found)
            known += step

    def for_live(self) -> "StreamSettings":
        """The same, with windows short enough to play by ear."""
        hop = min(self.hop, LIVE_HOP)
        return replace(self, first=min(self.first, hop), hop=hop)

    def __post_init__(self) -> None:
        for name, least in (("first", 1), ("context", 0), ("hop", 1), ("steps", 1)):
            if getattr(self, name) < least:
                raise BadInput(f"{name} must be at least {least}, not {getattr(self, name)}")

    @classmethod
    def parse(cls, text: str) -> "StreamSettings":
        """From ``context=52,hop=25,steps=10``; what is not named keeps its default.

        Raises `BadInput` and `UnknownName`.
        """
        values: dict[str, int | float | Arithmetic] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = item.partition("=")
            known = [field for field in cls.__dataclass_fields__ if field != "named"]
            if name not in known:
                raise UnknownName("codec stream setting", name, known)
            if name == "flow":
                values[name] = _arithmetic(value)
                continue
            try:
                values[name] = float(value) if name == "guidance" else int(value)
            except ValueError:
                raise BadInput(f"codec stream: {item!r} is no {name}=NUMBER") from None
        return cls(**values, named=tuple(values))  # type: ignore[arg-type]


class StreamingDecoder:
    """Codes in, sound out, for all takes of a job, which are rows of the same windows.

    Each of ``noises`` belongs to a take and is called once per window, so that a take sounds the
    same alone and beside others. However the codes are cut into pieces, the sound is the same,
    and as long as a full decode's. A clip within ``first`` frames of 372 sounds exactly like a
    full decode; so does a longer one with a context of 52 and a hop of 320, except where a full
    decode fades from one window to the next, whose convolutions begin with nothing.

    ``effort`` sets steps and guidance of each window in place of the settings' own. Codes lie on
    the host until their window is due. Latents and sound stay on the codec's device, where they
    may still be in the making; only `window` and what calls it touch them.
    """

    def __init__(
        self,
        codec: HeartCodec,
        noises: Sequence[Noise],
        settings: StreamSettings | None = None,
        effort: Effort | None = None,
        *,
        endless: bool = False,
    ) -> None:
        """``endless``: codes that no later window needs are forgotten. `finish` then fills its
        last window with what is left of them."""
        self._codec = codec
        self._noises = noises
        self._settings = settings or StreamSettings()
        self._effort = effort or Effort(
            self._settings.steps, self._settings.guidance, deadline=False
        )
        self._codes: Checked = np.empty((self.takes, codec.config.quantisers, 0), np.int64)
        self._context = torch.empty(self.takes, 0, codec.config.latent_width)
        self._sound: SoundStream | None = None
        self._endless = endless
        self._forgotten = 0  # frames whose codes are gone
        self._known = 0  # frames whose latents are known
        self._played = 0  # samples that have been handed over
        self._loops: dict[int, _LoopedCodes] = {}

    @property
    def takes(self) -> int:
        return len(self._noises)

    @property
    def due(self) -> bool:
        """Whether a window is full."""
        return self._pushed >= self._known + self.step

    @property
    def step(self) -> int:
        """How many frames the next window adds."""
        return self._settings.hop if self._known else self._settings.first

    @property
    def steady(self) -> bool:
        """Whether the next window is as long as all that follow."""
        return self._known > 0 and self._settings.held(self._known) == self._settings.context

    def resize(self, hop: int) -> None:
        """Let windows add ``hop`` frames, from the next one on."""
        self._settings = replace(self._settings, hop=hop)

    def add(self, codes: Codes) -> None:
        """Take the clip's next codes [N, Q, T]; nothing is computed. Raises `BadInput`."""
        self._append(self._codec.checked(codes, self.takes))

    def push(self, codes: Codes) -> Tensor:
        """`add`, and the sound that is now final, float32 [N, S, 2].

        S is often 0: nothing happens until a window is full. Raises `BadInput`.
        """
        self.add(codes)
        sounds = [torch.empty(self.takes, 0, CHANNELS, device=self._codec.device)]
        while self.due:
            sounds.append(self.window())
        return torch.cat(sounds, dim=1)

    def window(self) -> Tensor:
        """Denoise the window that is due, and give the sound that it makes final [N, S, 2]."""
        sound = self._decode()
        self._played += sound.shape[1]
        return sound

    def end(self, take: int) -> None:
        """The take has no more codes: those that are added from now on are not looked at.

        Its own are looped instead, so that the window it ends in is full. Its sound up to there
        is what it would be if it were alone and finished.
        """
        if take not in self._loops:
            left = self._codes[take].copy()
            self._loops[take] = _LoopedCodes(left, self._forgotten, self._pushed)

    def finish(self) -> Tensor:
        """The rest of the clip, its last window filled by looping. Call it once, at the end."""
        frames = self._pushed
        sounds = [torch.empty(self.takes, 0, CHANNELS, device=self._codec.device)]
        for take in range(self.takes):
            self.end(take)
        while self._known < frames:
            missing = self._known + self.step - self._pushed
            self._append(np.zeros((*self._codes.shape[:2], max(0, missing)), np.int64))
            sounds.append(self._decode())
        if self._sound is not None:
            sounds.append(self._sound.finish())
        stop = frames * self._codec.config.samples_per_frame
        return torch.cat(sounds, dim=1)[:, : stop - self._played]

    @property
    def _pushed(self) -> int:
        """How many frames have come."""
        return self._forgotten + int(self._codes.shape[2])

    def _append(self, fresh: Checked) -> None:
        at = np.arange(self._pushed, self._pushed + fresh.shape[2])
        for take, loop in self._loops.items():
            fresh[take] = loop.codes(at)
        self._codes = np.concatenate([self._codes, fresh], axis=2)

    @torch.inference_mode()
    def _decode(self) -> Tensor:
        """Draw the latents of the next window, and give the sound [N, S, 2] that is final now."""
        settings, step = self._settings, self.step
        held = settings.held(self._known)  # frames
        if self._sound is None:  # only now the codec is sure to be where it works
            self._sound = self._codec.graphs.stream(self.takes)
            self._context = torch.empty(*self._context.shape, device=self._codec.device)
        start = self._known - held - self._forgotten
        context = _last(self._context, held * LATENTS_PER_FRAME)
        latents = self._codec.window(
            self._codes[:, :, start : start + held + step],
            context,
            self._noises,
            self._effort.steps,
            self._effort.guidance,
            settings.flow,
        )
        fresh = latents[:, held * LATENTS_PER_FRAME :]
        for take, loop in self._loops.items():
            if loop.end <= self._known:  # beyond its end lie zeros, as at the end of a clip
                fresh[take] = 0.0
        latents = torch.cat([self._context, fresh], dim=1)
        self._context = _last(latents, settings.context * LATENTS_PER_FRAME)
        self._known += step
        if self._endless:
            old = max(0, self._known - settings.context - self._forgotten)
            self._codes = self._codes[:, :, old:].copy()
            self._forgotten += old
        return self._sound.push(fresh)


def _arithmetic(name: str) -> Arithmetic:
    try:
        return Arithmetic(name)
    except ValueError:
        raise UnknownName("arithmetic of the codec", name, Arithmetic) from None


def _last(x: Tensor, count: int) -> Tensor:
    """The last ``count`` of [N, L, D], or all; zero means none."""
    return x[:, max(0, x.shape[1] - count) :]


@dataclass(frozen=True)
class _LoopedCodes:
    """What is left of a take that has ended: codes [Q, n] of the frames from ``begin`` to ``end``,
    again and again."""

    left: Checked
    begin: int
    end: int

    def codes(self, frames: Checked) -> Checked:
        """[Q, T] of ``frames`` [T]; zeros if nothing is left."""
        count = self.left.shape[1]
        if not count:
            return np.zeros((len(self.left), len(frames)), np.int64)
        looped: Checked = self.left[:, (frames - self.begin) % count]
        return looped
