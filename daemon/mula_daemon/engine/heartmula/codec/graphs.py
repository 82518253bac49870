"""The codec's windows as CUDA graphs: some dozen launches in place of nine thousand.

A recording is of fixed kernels on fixed memory, so there is one for each shape of window, all made
before live play begins. It holds one Euler step, which is replayed: steps and guidance may change
from window to window and record nothing. Windows of other shapes are run as they are.

Recordings share scratch memory, so only one may run at a time: all of it belongs on one stream, and
what records it must share nothing with the language model's, which run beside. Written without a
GPU at hand: nobody has run it on one yet; the tests record on the CPU with a fake. Engine process
only; one thread at a time.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mula_daemon.engine.heartmula.codec.config import LATENTS_PER_FRAME
from mula_daemon.engine.heartmula.codec.flow import Flow, Walk
from mula_daemon.engine.heartmula.codec.precision import Arithmetic
from mula_daemon.engine.heartmula.codec.waveform_decoder import WaveformDecoder, WaveformStream
from mula_daemon.engine.lm import Record

Replay = Callable[[], None]

log = logging.getLogger(__name__)


class CodecGraphs:
    """What of a codec is recorded with ``record``; without it, or when that fails, nothing is, and
    nothing but speed is lost. ``recordings`` counts all that were ever made."""

    def __init__(self, flow: Flow, waveform: WaveformDecoder, record: Record | None = None) -> None:
        self.recordings = 0
        self._flow = flow
        self._waveform = waveform
        self._record = record
        self._walks: dict[tuple[object, ...], tuple[Walk, Replay]] = {}
        self._streams: dict[int, _RecordedStream] = {}

    @torch.inference_mode()
    def prepare(
        self,
        takes: int,
        known: int,
        fresh: int,
        guided: Sequence[bool] = (True, False),
        arithmetic: Arithmetic = Arithmetic.LOADED,
    ) -> None:
        """Record windows of ``known`` and ``fresh`` frames, with guidance and without or as
        ``guided`` says, and the sound of the fresh ones, but for those a stream begins with.

        The current stream is the one they will run on; the device is waited for.
        """
        if self._record is None:
            return
        try:
            for each in guided:
                self._prepare_walk(takes, known, fresh, each, arithmetic, self._record)
            if known:
                stream = self._streams.get(takes) or _RecordedStream(self._waveform, takes)
                self._streams[takes] = stream
                self.recordings += stream.prepare(fresh * LATENTS_PER_FRAME, self._record)
        except RuntimeError as error:
            self.forget()
            self._record = None
            log.warning("no CUDA graph of the codec could be recorded (%s): it is slower", error)

    def forget(self) -> None:
        """Give up all recordings and their memory: the weights are about to move."""
        self._walks.clear()
        self._streams.clear()

    @torch.inference_mode()
    def solve(
        self,
        codes: Tensor,
        context: Tensor,
        noise: Tensor,
        steps: int,
        guidance: float,
        arithmetic: Arithmetic = Arithmetic.LOADED,
    ) -> Tensor:
        """As `Flow.solve`."""
        known = self._walks.get((noise.shape, context.shape, guidance != 1.0, arithmetic))
        if known is None:
            return self._flow.solve(codes, context, noise, steps, guidance, arithmetic)
        walk, replay = known
        return walk.follow(codes, context, noise, steps, guidance, replay)

    def stream(self, takes: int) -> SoundStream:
        """The sound of ``takes`` takes from its beginning: what is recorded of it, unless
        somebody still holds that."""
        recorded = self._streams.get(takes)
        lent = recorded.lent() if recorded is not None and recorded.lent is not None else None
        if recorded is None or lent is not None:
            return SoundStream(_RecordedStream(self._waveform, takes))
        recorded.stream.reset()
        made = SoundStream(recorded)
        recorded.lent = weakref.ref(made)
        return made

    def _prepare_walk(
        self,
        takes: int,
        known: int,
        fresh: int,
        guided: bool,
        arithmetic: Arithmetic,
        record: Record,
    ) -> None:
        levels, width = len(self._flow.vq_embed.layers), self._waveform.latent_width
        device = self._flow.cond_feature_emb.weight.device
        frames = known + fresh
        codes = torch.zeros(takes, levels, frames, dtype=torch.int64, device=device)
        noise = torch.zeros(takes, frames * LATENTS_PER_FRAME, width, device=device)
        context = noise[:, : known * LATENTS_PER_FRAME]
        key = (noise.shape, context.shape, guided, arithmetic)
        if key not in self._walks:
            walk = Walk(self._flow, noise, context, arithmetic, guided=guided)
            walk.follow(codes, context, noise, 1, 1.0)  # for what libraries do at their first call
            self._walks[key] = walk, record(walk.step)
            self.recordings += 1


class SoundStream:
    """A `WaveformStream` that is one's own, with its usual pushes replayed."""

    def __init__(self, recorded: _RecordedStream) -> None:
        self._recorded = recorded

    @torch.inference_mode()
    def push(self, latents: Tensor) -> Tensor:
        """As `WaveformStream.push`."""
        return self._recorded.push(latents)

    def finish(self) -> Tensor:
        """As `WaveformStream.finish`."""
        return self._recorded.stream.finish()


class _RecordedStream:
    """A stream, and recordings of pushes on its memory."""

    def __init__(self, waveform: WaveformDecoder, takes: int) -> None:
        self.stream = WaveformStream(waveform, takes)
        self.lent: weakref.ref[SoundStream] | None = None
        self._pushes: dict[int, tuple[Tensor, list[Tensor], Replay]] = {}

    def prepare(self, latents: int, record: Record) -> int:
        """Record a push of so many; how many recordings were made. Leaves it at the beginning."""
        if latents in self._pushes:
            return 0
        given = self.stream.silence(latents)
        self.stream.push(self.stream.silence(latents + self.stream.look_ahead))
        made = [self.stream.push(given)]

        def work() -> None:
            made[0] = self.stream.push(given)

        self._pushes[latents] = given, made, record(work)
        self.stream.reset()
        return 1

    def push(self, latents: Tensor) -> Tensor:
        recorded = self._pushes.get(latents.shape[1])
        if recorded is None or not self.stream.begun:
            return self.stream.push(latents)
        given, made, replay = recorded
        given.copy_(latents)
        replay()
        return made[0].clone()  # the next replay writes there
