"""The sound of a clip: codes of its takes in, samples out, exactly as many as the clip has.

On a GPU the codec works beside the language model, on a stream of its own; on a CPU everything is
done at once, in the calling thread. Engine process only; one thread at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np
import torch
from torch import Tensor

from mula_bridge.control.messages import Notice
from mula_daemon.audio import Samples
from mula_daemon.engine.heartmula.codec import CHANNELS, GeneratorNoise, HeartCodec
from mula_daemon.engine.heartmula.model.effort import Effort
from mula_daemon.engine.heartmula.model.streaming import StreamingDecoder, StreamSettings
from mula_daemon.engine.playing import MadeFrame
from mula_daemon.engine.seam import AudioBlock, ClipRequest

FRAME_S: Final = 0.08
"""Seconds of sound in a frame."""


@dataclass(frozen=True)
class Pending:
    """Sound on its way to the host: ``event`` tells when it has arrived; None: it has."""

    host: Tensor
    event: torch.cuda.Event | None

    @property
    def ready(self) -> bool:
        return self.event is None or bool(self.event.query())  # type: ignore[no-untyped-call]

    def wait(self) -> Samples:
        """The samples, float32 [S, 2]; blocks until they are there."""
        if self.event is not None:
            self.event.synchronize()
        samples: Samples = self.host.numpy()
        return samples


class CodecLane:
    """Work in the order it was given; one lane for all takes of a job."""

    def __init__(self, device: torch.device) -> None:
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def start(self, work: Callable[[], Tensor]) -> Pending:
        """Queue ``work``, which makes sound [S, 2] on the codec's device."""
        with nullcontext() if self._stream is None else torch.cuda.stream(self._stream):
            sound = work()
            if self._stream is None:
                return Pending(sound.cpu(), None)
            host = torch.empty(sound.shape, dtype=sound.dtype, pin_memory=True)
            host.copy_(sound, non_blocking=True)
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(self._stream)
        return Pending(host, event)


class ClipStream:
    """Feeds the decoder of one take and cuts what comes to ``length`` samples; None: for ever.

    With ``hold`` no code reaches the decoder before `end`, for a codec that is elsewhere until
    then. A take that ends before its length is silent from there on.
    """

    def __init__(
        self,
        decoder: StreamingDecoder,
        lane: CodecLane,
        length: int | None,
        *,
        hold: bool = False,
    ) -> None:
        self._decoder = decoder
        self._lane = lane
        self._left = length
        self._held: list[np.ndarray] | None = [] if hold else None
        self._pending: deque[Pending] = deque()
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether no more codes are taken."""
        return self._ended

    def push(self, codes: np.ndarray) -> None:
        """One frame's codes [codebooks], of which the codec knows every one."""
        if self._held is not None:
            self._held.append(codes)
        elif self._decoder.is_due(1):
            self._pending.append(self._lane.start(lambda: self._decoder.push(codes[:, None])))
        else:
            self._decoder.push(codes[:, None])

    def end(self) -> None:
        """There are no more codes. May be called again."""
        if self._ended:
            return
        self._ended = True
        held, self._held = self._held, None

        def rest() -> Tensor:
            parts = [self._decoder.push(np.stack(held, axis=1))] if held else []
            return torch.cat([*parts, self._decoder.finish()])

        self._pending.append(self._lane.start(rest))

    def ready(self) -> list[Samples]:
        """What has become final, float32 [S, 2] each, none empty."""
        found = []
        while self._pending and self._pending[0].ready:
            found += self._next()
        return found

    def rest(self) -> list[Samples]:
        """All that is left, up to the very last sample; after `end`."""
        found = []
        while self._pending:
            found += self._next()
        if self._left:
            found.append(np.zeros((self._left, CHANNELS), np.float32))
            self._left = 0
        return found

    def _next(self) -> list[Samples]:
        """The oldest piece, as much of it as the take has room for: one, or none."""
        piece = self._pending.popleft().wait()[: self._left]
        if self._left is not None:
            self._left -= len(piece)
        return [piece] if len(piece) else []


class DecodedTakes:
    """The sound of all takes of ``clip``, which the codec takes as much care of as time allows.

    ``length`` is in samples; None: for ever. ``lane`` is where the codec works. ``fetch`` brings it
    there after the last frame, where it is elsewhere before; None: it is there.
    """

    def __init__(
        self,
        clip: ClipRequest,
        codec: HeartCodec,
        settings: StreamSettings,
        lane: CodecLane,
        length: int | None,
        fetch: Callable[[], None] | None = None,
    ) -> None:
        self._job = clip.job
        self._fetch = fetch
        self._pace = 1.0 if clip.endless else clip.pace
        self._hop = settings.hop
        self._effort = Effort(settings.steps, settings.guidance, deadline=self._pace > 0)
        self._frames = 0
        self._spent_s = 0.0
        """Computing since the last weighing."""
        self._streams = [
            ClipStream(
                StreamingDecoder(
                    codec,
                    GeneratorNoise(torch.Generator().manual_seed(seed)),
                    settings,
                    self._effort,
                    endless=clip.endless,
                ),
                lane,
                length,
                hold=fetch is not None,
            )
            for seed in clip.seeds
        ]

    def add(self, frame: MadeFrame, made_s: float) -> Iterator[AudioBlock | Notice]:
        """Whatever has become final; and what there is to say of takes that end, and of time."""
        self._spent_s += made_s
        for take in range(len(self._streams)):
            start = perf_counter()
            found = self._push(take, frame)
            self._spent_s += perf_counter() - start
            yield from found
        self._frames += 1
        if self._pace > 0 and self._frames % self._hop == 0:
            if said := self._effort.weigh(self._spent_s, self._hop * FRAME_S / self._pace):
                yield Notice(self._job, "codec_steps", said)
            self._spent_s = 0.0

    def rest(self) -> Iterator[AudioBlock]:
        """What is left of every take."""
        if self._fetch is not None:
            self._fetch()
        for take, stream in enumerate(self._streams):
            stream.end()
            for samples in stream.rest():
                yield AudioBlock(self._job, take, samples)

    def _push(self, take: int, frame: MadeFrame) -> list[AudioBlock | Notice]:
        """Codes of one take in; what is to be heard of it, or said."""
        stream, found = self._streams[take], list[AudioBlock | Notice]()
        if take in frame.over and not stream.ended:
            stream.end()
            found.append(self._ended(take))
        elif not stream.ended:
            stream.push(np.array(frame.codes[take]))
        return found + [AudioBlock(self._job, take, samples) for samples in stream.ready()]

    def _ended(self, take: int) -> Notice:
        return Notice(
            self._job,
            "ended",
            f"the model ended take {take + 1} after {self._frames * FRAME_S:.1f} s; the rest "
            "is silent (--ending go-on makes it go on)",
        )
