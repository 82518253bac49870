"""The sound of a clip: codes of its takes in, samples out, exactly as many as the clip has.

On a GPU the codec works beside the language model, on a stream of its own, and the host waits for
neither; on a CPU everything is done at once, in the calling thread. Engine process only; one thread
at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from statistics import fmean, median
from time import perf_counter
from typing import Final

import numpy as np
import torch
from torch import Tensor

from mula_bridge.control.messages import Notice
from mula_daemon.audio import Samples
from mula_daemon.engine.heartmula.codec import (
    CHANNELS,
    GeneratorNoise,
    HeartCodec,
    WindowShape,
)
from mula_daemon.engine.heartmula.model.effort import Effort
from mula_daemon.engine.heartmula.model.live_plan import FRAME_S
from mula_daemon.engine.heartmula.model.streaming import StreamingDecoder, StreamSettings
from mula_daemon.engine.playing import MadeFrame
from mula_daemon.engine.seam import AudioBlock, ClipRequest


@dataclass(frozen=True)
class Pending:
    """Work on its way to the host: ``events`` tell when it began and when its outcome has arrived;
    None: it has, and took ``host_s`` seconds."""

    host: Tensor
    events: tuple[torch.cuda.Event, torch.cuda.Event] | None
    host_s: float = 0.0

    @property
    def ready(self) -> bool:
        return self.events is None or bool(self.events[1].query())  # type: ignore[no-untyped-call]

    @property
    def took_s(self) -> float:
        """Seconds that the device spent on it; blocks until they are known."""
        if self.events is None:
            return self.host_s
        self.events[1].synchronize()
        elapsed_ms: float = self.events[0].elapsed_time(self.events[1])
        return elapsed_ms / 1000.0

    def wait(self) -> Samples:
        """What came of it, float32; blocks until it is there."""
        if self.events is not None:
            self.events[1].synchronize()
        samples: Samples = self.host.numpy()
        return samples


class CodecLane:
    """The codec's work, in the order it was given. One lane for all that one codec ever does:
    what it keeps from window to window is in order on this stream alone."""

    def __init__(self, device: torch.device) -> None:
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def start(self, work: Callable[[], Tensor]) -> Pending:
        """Queue ``work``, which makes a tensor on the codec's device."""
        with nullcontext() if self._stream is None else torch.cuda.stream(self._stream):
            if self._stream is None:
                began_s = perf_counter()
                made = work().cpu()
                return Pending(made, None, perf_counter() - began_s)
            began, arrived = (
                torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
                for _ in range(2)
            )
            began.record(self._stream)
            sound = work()
            host = torch.empty(sound.shape, dtype=sound.dtype, pin_memory=True)
            host.copy_(sound, non_blocking=True)
            arrived.record(self._stream)
        return Pending(host, (began, arrived))

    def do(self, work: Callable[[], None]) -> None:
        """Do something with the codec's memory in its turn, and wait for it."""
        with nullcontext() if self._stream is None else torch.cuda.stream(self._stream):
            work()
        self.wait()

    def wait(self) -> None:
        """Let all that was queued end: before the codec is moved."""
        if self._stream is not None:
            self._stream.synchronize()


@dataclass(frozen=True)
class WindowSound:
    """Sound that has become final: for each take float32 [S, 2], or less where the take or the
    clip ends. ``frames`` is what its window added and ``took_s`` what it cost."""

    samples: list[Samples]
    frames: int
    took_s: float


class ClipStream:
    """Feeds the decoder of all takes and cuts what comes to ``length`` samples; None: for ever.

    With ``hold`` nothing is decoded before `finish`, for a codec that is elsewhere until then. A
    take that ends before its length is silent from there on.
    """

    def __init__(
        self,
        decoder: StreamingDecoder,
        lane: CodecLane,
        frame_samples: int,
        length: int | None,
        *,
        hold: bool = False,
    ) -> None:
        self._decoder = decoder
        self._lane = lane
        self._frame_samples = frame_samples
        self._hold = hold
        self._length = length
        self._ends: dict[int, int] = {}
        """Where takes end that the model has ended, in samples."""
        self._frames = 0
        self._made = 0
        """Samples that have come of every take, cut or not."""
        self._pending: deque[tuple[Pending, int]] = deque()

    @property
    def ended(self) -> frozenset[int]:
        """The takes of which no more codes are taken."""
        return frozenset(self._ends)

    def push(self, codes: np.ndarray) -> None:
        """One frame's codes [takes, codebooks], of which the codec knows every one; those of a
        take that has ended are not looked at."""
        codes = np.array(codes)
        codes[list(self._ends)] = 0
        self._decoder.add(codes[:, :, None])
        self._frames += 1
        if not self._hold:
            self._start_due()

    def end(self, take: int) -> None:
        """There are no more codes of this take. May be called again."""
        self._ends.setdefault(take, self._frames * self._frame_samples)
        self._decoder.end(take)

    def finish(self) -> None:
        """There are no more codes at all. Call it once."""
        self._start_due()
        self._pending.append((self._lane.start(self._decoder.finish), 0))

    def ready(self) -> list[WindowSound]:
        """What has become final."""
        found = []
        while self._pending and self._pending[0][0].ready:
            found.append(self._next())
        return found

    def resize(self, hop: int) -> None:
        """Let windows add ``hop`` frames, from the next one on."""
        self._decoder.resize(hop)

    def settle(self) -> list[WindowSound]:
        """`ready`, of which nothing is still in the making: waits for it."""
        return [self._next() for _ in range(len(self._pending))]

    def rest(self) -> list[list[Samples]]:
        """All that is left of each take, up to the very last sample; after `finish`."""
        found: list[list[Samples]] = [[] for _ in range(self._decoder.takes)]
        for piece in self.settle():
            for samples, mine in zip(piece.samples, found, strict=True):
                mine += [samples] if len(samples) else []
        for take, mine in enumerate(found):
            if self._length is not None:
                silent = self._length - min(self._made, self._stop(take, self._made))
                mine += [np.zeros((silent, CHANNELS), np.float32)] if silent else []
        return found

    def _start_due(self) -> None:
        while self._decoder.due:
            step = self._decoder.step
            self._pending.append((self._lane.start(self._decoder.window), step))

    def _next(self) -> WindowSound:
        """The oldest piece, as much of it as each take has room for."""
        pending, frames = self._pending.popleft()
        sound = pending.wait()  # [N, S, 2]
        start = self._made
        self._made += sound.shape[1]
        samples = [
            mine[: max(0, self._stop(take, self._made) - start)] for take, mine in enumerate(sound)
        ]
        return WindowSound(samples, frames, pending.took_s)

    def _stop(self, take: int, made: int) -> int:
        """Where the take has no more sound, in samples; ``made`` if that is not known yet."""
        return min(self._ends.get(take, made), made if self._length is None else self._length)


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
        self.effort: Final = Effort(settings.steps, settings.guidance, deadline=self._pace > 0)
        self._frames = 0
        self._made_s = deque[float](maxlen=settings.hop)
        """Seconds that the newest frames took the language model."""
        noises = [GeneratorNoise(torch.Generator().manual_seed(seed)) for seed in clip.seeds]
        self._stream = ClipStream(
            StreamingDecoder(codec, noises, settings, self.effort, endless=clip.endless),
            lane,
            codec.config.samples_per_frame,
            length,
            hold=fetch is not None,
        )
        if fetch is None:  # live play of one take finds all of it recorded already
            record_windows(codec, settings, lane, takes=len(noises))

    def add(self, frame: MadeFrame, made_s: float) -> Iterator[AudioBlock | Notice]:
        """Whatever has become final; and what there is to say of takes that end, and of time."""
        self._made_s.append(made_s)
        for take in sorted(frame.over - self._stream.ended):
            self._stream.end(take)
            yield self._ended(take)
        self._stream.push(np.array(frame.codes))
        self._frames += 1
        yield from self._pieces(self._stream.ready())

    def resize(self, hop: int) -> None:
        """Let windows add ``hop`` frames; said between two of them."""
        self._made_s = deque(self._made_s, maxlen=hop)
        self._stream.resize(hop)

    def settle(self) -> Iterator[AudioBlock | Notice]:
        """Wait for the windows that are being made; the rest of what `add` gives."""
        yield from self._pieces(self._stream.settle())

    def rest(self) -> Iterator[AudioBlock]:
        """What is left of every take."""
        if self._fetch is not None:
            self._fetch()
        self._stream.finish()
        for take, pieces in enumerate(self._stream.rest()):
            for samples in pieces:
                yield AudioBlock(self._job, take, samples)

    def _pieces(self, pieces: list[WindowSound]) -> Iterator[AudioBlock | Notice]:
        for piece in pieces:
            for take, mine in enumerate(piece.samples):
                if len(mine):
                    yield AudioBlock(self._job, take, mine)
            yield from self._weighed(piece)

    def _weighed(self, piece: WindowSound) -> Iterator[Notice]:
        """What its window cost, and its frames before, against how long it lasts."""
        if self._pace > 0:
            compute_s = piece.took_s + piece.frames * fmean(self._made_s)
            if said := self.effort.weigh(compute_s, piece.frames * FRAME_S / self._pace):
                yield Notice(self._job, "codec_steps", said)

    def _ended(self, take: int) -> Notice:
        return Notice(
            self._job,
            "ended",
            f"the model ended take {take + 1} after {self._frames * FRAME_S:.1f} s; the rest "
            "is silent (--ending go-on makes it go on)",
        )


def record_windows(
    codec: HeartCodec,
    settings: StreamSettings,
    lane: CodecLane,
    hops: Iterable[int] = (),
    takes: int = 1,
) -> None:
    """Record all windows that a stream of ``takes`` takes has, and those with other ``hops`` that
    it may change to: then none is recorded while it plays, whatever becomes of its effort.

    Does nothing for a codec that records none, and waits for nothing if all of it is recorded.
    """
    sizes = [*settings.windows(), *((settings.context, hop) for hop in hops)]
    rows = {settings.guidance != 1.0, False}
    shapes = [
        WindowShape(takes, known, fresh, guided, settings.flow)
        for known, fresh in sizes
        for guided in rows
    ]
    lacking = [shape for shape in shapes if codec.graphs.lacks(shape)]

    def record() -> None:
        for shape in lacking:
            codec.graphs.prepare(shape)

    if lacking:
        lane.do(record)


def measure_window(
    codec: HeartCodec, settings: StreamSettings, lane: CodecLane, takes: int = 1, windows: int = 3
) -> float:
    """Seconds that a steady window of ``takes`` takes keeps the device busy, the median of some.

    Codes are random, which costs as much as music. Where windows are recorded, the steady one is,
    if it was not before. The first steady window is not counted.
    """
    guided = settings.guidance != 1.0
    shape = WindowShape(takes, settings.context, settings.hop, guided, settings.flow)
    lane.do(lambda: codec.graphs.prepare(shape))
    noises = [GeneratorNoise(torch.Generator().manual_seed(seed)) for seed in range(takes)]
    # With its whole context at once the second window is steady.
    whole = max(1, settings.context)
    decoder = StreamingDecoder(codec, noises, replace(settings, first=whole), endless=True)
    chance = np.random.default_rng(0)
    times: list[float] = []
    while len(times) <= windows:
        steady = decoder.steady
        size = (takes, codec.config.quantisers, decoder.step)
        decoder.add(chance.integers(0, codec.config.codebook_size, size))
        took_s = lane.start(decoder.window).took_s
        times += [took_s] if steady else []
    return median(times[1:])
