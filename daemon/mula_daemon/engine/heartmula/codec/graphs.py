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
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mula_daemon.engine.heartmula.codec.config import LATENTS_PER_FRAME
from mula_daemon.engine.heartmula.codec.flow import Flow, Walk
from mula_daemon.engine.heartmula.codec.precision import Arithmetic
from mula_daemon.engine.heartmula.codec.waveform_decoder import WaveformDecoder, WaveformStream
from mula_daemon.engine.lm import Record

Replay = Callable[[], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WindowShape:
    """What a recording is of: ``known`` frames that a window begins with, and ``fresh`` ones."""

    takes: int
    known: int
    fresh: int
    guided: bool = True
    arithmetic: Arithmetic = Arithmetic.LOADED


class CodecGraphs:
    """What of a codec is recorded with ``record``; without it, or when that fails, nothing is, and
    nothing but speed is lost. ``recordings`` counts all that were ever made.

    Where memory runs out, only the window in question is not recorded: others may be smaller.
    """

    def __init__(self, flow: Flow, waveform: WaveformDecoder, record: Record | None = None) -> None:
        self.recordings = 0
        self._flow = flow
        self._waveform = waveform
        self._record = record
        self._walks: dict[WindowShape, tuple[Walk, Replay]] = {}
        self._streams: dict[int, _RecordedStream] = {}

    def lacks(self, shape: WindowShape) -> bool:
        """Whether `prepare` has something to do."""
        return self._record is not None and shape not in self._walks

    @torch.inference_mode()
    def prepare(self, shape: WindowShape) -> None:
        """Record windows of that shape, and the sound of what is fresh of them, but for those that
        a stream begins with. Between two streams.

        The current stream is the one they will run on; the device is waited for.
        """
        if self._record is None or shape in self._walks:
            return
        try:
            walk = self._walk(shape)
            self._walks[shape] = walk, self._record(walk.step)
            self.recordings += 1
            if shape.known:
                stream = self._streams.get(shape.takes)
                stream = stream or _RecordedStream(self._waveform, shape.takes)
                self._streams[shape.takes] = stream
                self.recordings += stream.prepare(shape.fresh * LATENTS_PER_FRAME, self._record)
        except torch.OutOfMemoryError:
            self._walks.pop(shape, None)
            log.warning("no memory to record a window of the codec in: it is slower")
        except RuntimeError as error:
            self.forget()
            self._record = None
            log.warning("no CUDA graph of the codec could be recorded (%s): it is slower", error)

    def forget(self) -> None:
        """Give up all recordings and their memory: the weights are about to move, or other windows
        are to be played."""
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
        takes, known = context.shape[0], context.shape[1] // LATENTS_PER_FRAME
        shape = WindowShape(takes, known, codes.shape[2] - known, guidance != 1.0, arithmetic)
        recorded = self._walks.get(shape)
        if recorded is None:
            return self._flow.solve(codes, context, noise, steps, guidance, arithmetic)
        walk, replay = recorded
        return walk.follow(codes, context, noise, steps, guidance, replay)

    def stream(self, takes: int) -> SoundStream:
        """The sound of ``takes`` takes from its beginning: what is recorded of it, unless
        somebody still holds that."""
        recorded = self._streams.get(takes)
        if recorded is None or recorded.is_lent:
            return SoundStream(_RecordedStream(self._waveform, takes))
        return recorded.lend()

    def _walk(self, shape: WindowShape) -> Walk:
        """One that has been walked once, for what libraries do at their first call."""
        levels, width = len(self._flow.vq_embed.layers), self._waveform.latent_width
        device, frames = self._flow.cond_feature_emb.weight.device, shape.known + shape.fresh
        codes = torch.zeros(shape.takes, levels, frames, dtype=torch.int64, device=device)
        noise = torch.zeros(shape.takes, frames * LATENTS_PER_FRAME, width, device=device)
        context = noise[:, : shape.known * LATENTS_PER_FRAME]
        walk = Walk(self._flow, noise, context, shape.arithmetic, guided=shape.guided)
        walk.follow(codes, context, noise, 1, 1.0)
        return walk


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
        self._lent: weakref.ref[SoundStream] | None = None
        self._pushes: dict[int, tuple[Tensor, list[Tensor], Replay]] = {}

    @property
    def is_lent(self) -> bool:
        return self._lent is not None and self._lent() is not None

    def lend(self) -> SoundStream:
        """It at its beginning."""
        self.stream.reset()
        made = SoundStream(self)
        self._lent = weakref.ref(made)
        return made

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
