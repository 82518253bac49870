"""Decoding a clip while it is still being generated.

Where a full decode denoises 29.76 s at a time, this denoises a few seconds, beginning with
latents that are known already. Latents once drawn never change, so the sound of a stretch needs
no cross-fade: it is decoded with the latents around it, and waits for the two that follow it.
Engine process only; one thread at a time.

How close short windows come to a full decode depends on the weights: it has to be measured.
"""

from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from mula_bridge.errors import BadInput, UnknownName
from mula_daemon.engine.heartmula.codec import CHANNELS, LATENTS_PER_FRAME, Codes, HeartCodec, Noise
from mula_daemon.engine.heartmula.model.effort import Effort

LIVE_HOP: Final = 8
"""Frames a window adds in live play: a knob is heard within two seconds. Shorter
ones cost more, each being denoised with all its context."""


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

    @property
    def delay(self) -> int:
        """How many frames at most a frame waits for its sound: a window has to be full, and the
        sound of its end waits for the next one's latents."""
        return max(self.first, self.hop) + self.hop

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
        values: dict[str, int | float] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = item.partition("=")
            if name not in cls.__dataclass_fields__:
                raise UnknownName("codec stream setting", name, cls.__dataclass_fields__)
            try:
                values[name] = float(value) if name == "guidance" else int(value)
            except ValueError:
                raise BadInput(f"codec stream: {item!r} is no {name}=NUMBER") from None
        return cls(**values)  # type: ignore[arg-type]


class StreamingDecoder:
    """Codes in, sound out, for one clip. ``noise`` is called once per window.

    However the codes are cut into pieces, the sound is the same, and as long as a full decode's.
    A clip within ``first`` frames of 372 sounds exactly like a full decode; so does a longer one
    with a context of 52 and a hop of 320, except where a full decode fades from one window to
    the next, whose convolutions begin with nothing.

    ``effort`` sets steps and guidance of each window in place of the settings' own. Sound stays on
    the codec's device, where it may still be in the making.
    """

    def __init__(
        self,
        codec: HeartCodec,
        noise: Noise,
        settings: StreamSettings | None = None,
        effort: Effort | None = None,
        *,
        endless: bool = False,
    ) -> None:
        """``endless``: codes that no later window needs are forgotten. `finish` then fills its
        last window with what is left of them."""
        self._codec = codec
        self._noise = noise
        self._settings = settings or StreamSettings()
        self._effort = effort or Effort(
            self._settings.steps, self._settings.guidance, deadline=False
        )
        self._codes = torch.empty(codec.config.quantisers, 0, dtype=torch.int64)
        self._latents = torch.empty(0, codec.config.latent_width)  # the latest of those known
        self._endless = endless
        self._forgotten = 0  # frames whose codes are gone
        self._known = 0  # frames whose latents are known
        self._played = 0  # latents whose sound has been handed over

    def is_due(self, frames: int) -> bool:
        """Whether so many more frames fill a window."""
        return self._pushed + frames >= self._known + self._step()

    def push(self, codes: Codes) -> Tensor:
        """Take the clip's next codes [Q, T]; give the sound that is now final, float32 [S, 2].

        S is often 0: nothing happens until a window is full. Raises `BadInput`.
        """
        fresh = self._codec.checked(codes)
        self._codes = torch.cat([self._codes.to(fresh.device), fresh], dim=1)
        sounds = [torch.empty(0, CHANNELS, device=self._codec.device)]
        while self._pushed >= self._known + self._step():
            self._denoise()
            ahead = self._codec.waveform.look_ahead
            sounds.append(self._play(self._known * LATENTS_PER_FRAME - ahead))
        return torch.cat(sounds)

    def finish(self) -> Tensor:
        """The rest of the clip, its last window filled by looping. Call it once, at the end."""
        frames = self._pushed
        while self._known < frames:
            self._denoise()
        return self._play(frames * LATENTS_PER_FRAME)

    @property
    def _pushed(self) -> int:
        """How many frames have come."""
        return self._forgotten + self._codes.shape[1]

    def _step(self) -> int:
        """How many frames the next window adds."""
        return self._settings.hop if self._known else self._settings.first

    def _denoise(self) -> None:
        """Draw the latents of the next window."""
        settings, step = self._settings, self._step()
        held = min(settings.context, self._known)  # frames
        self._latents = self._latents.to(self._codec.device)
        context = self._latents[len(self._latents) - held * LATENTS_PER_FRAME :]
        latents = self._codec.window(
            self._codes,
            self._known - held - self._forgotten,
            held + step,
            context,
            self._noise,
            self._effort.steps,
            self._effort.guidance,
        )
        self._latents = torch.cat([self._latents, latents[len(context) :]])
        self._known += step
        if self._endless:
            old = max(0, self._known - self._settings.context - self._forgotten)
            self._codes = self._codes[:, old:].clone()
            self._forgotten += old

    def _play(self, stop: int) -> Tensor:
        """The sound up to latent ``stop`` of the clip; forgets what no later sound needs."""
        gone = self._known * LATENTS_PER_FRAME - len(self._latents)  # latents forgotten
        stop = max(stop, self._played)
        sound = self._codec.waveform.decode(self._latents, self._played - gone, stop - gone)
        self._played = stop
        kept = max(
            self._known * LATENTS_PER_FRAME - stop + self._codec.waveform.look_back,
            self._settings.context * LATENTS_PER_FRAME,
        )
        self._latents = _last(self._latents, kept)
        return sound


def _last(x: Tensor, count: int) -> Tensor:
    """The last ``count`` rows, or all; zero means none."""
    return x[max(0, len(x) - count) :]
