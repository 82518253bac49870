"""Decoding a clip while it is still being generated.

Where a full decode denoises 29.76 s at a time, this denoises a few seconds, beginning with
latents that are known already. Latents once drawn never change, so the sound of a stretch needs
no cross-fade: it is decoded with the latents around it, and waits for the two that follow it.
Engine process only; one thread at a time.

How close short windows come to a full decode depends on the weights: it has to be measured.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mula_bridge.errors import BadInput
from mula_daemon.engine.base import Samples
from mula_daemon.engine.heartmula.codec.codec import Codes, HeartCodec, Noise
from mula_daemon.engine.heartmula.codec.config import CHANNELS, LATENTS_PER_FRAME


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

    def __post_init__(self) -> None:
        for name, least in (("first", 1), ("context", 0), ("hop", 1), ("steps", 1)):
            if getattr(self, name) < least:
                raise BadInput(f"{name} must be at least {least}, not {getattr(self, name)}")


class StreamingDecoder:
    """Codes in, sound out, for one clip. ``noise`` is called once per window.

    However the codes are cut into pieces, the sound is the same, and as long as a full decode's.
    A clip within ``first`` frames of 372 sounds exactly like a full decode; so does a longer one
    with a context of 52 and a hop of 320, except where a full decode fades from one window to
    the next, whose convolutions begin with nothing.
    """

    def __init__(
        self, codec: HeartCodec, noise: Noise, settings: StreamSettings | None = None
    ) -> None:
        self._codec = codec
        self._noise = noise
        self._settings = settings or StreamSettings()
        self._codes = torch.empty(codec.config.quantisers, 0, dtype=torch.int64)
        self._latents = torch.empty(0, codec.config.latent_width)  # the latest of those known
        self._known = 0  # frames whose latents are known
        self._played = 0  # latents whose sound has been handed over

    def push(self, codes: Codes) -> Samples:
        """Take the clip's next codes [Q, T]; give the sound that is now final, float32 [S, 2].

        S is often 0: nothing happens until a window is full. Raises `BadInput`.
        """
        fresh = self._codec.checked(codes)
        self._codes = torch.cat([self._codes.to(fresh.device), fresh], dim=1)
        sounds = [np.empty((0, CHANNELS), dtype=np.float32)]
        while self._codes.shape[1] >= self._known + self._step():
            self._denoise()
            ahead = self._codec.waveform.look_ahead
            sounds.append(self._play(self._known * LATENTS_PER_FRAME - ahead))
        return np.concatenate(sounds)

    def finish(self) -> Samples:
        """The rest of the clip, its last window filled by looping. Call it once, at the end."""
        frames = self._codes.shape[1]
        while self._known < frames:
            self._denoise()
        return self._play(frames * LATENTS_PER_FRAME)

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
            self._known - held,
            held + step,
            context,
            self._noise,
            settings.steps,
            settings.guidance,
        )
        self._latents = torch.cat([self._latents, latents[len(context) :]])
        self._known += step

    def _play(self, stop: int) -> Samples:
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
        samples: Samples = sound.numpy()
        return samples


def _last(x: Tensor, count: int) -> Tensor:
    """The last ``count`` rows, or all; zero means none."""
    return x[max(0, len(x) - count) :]
