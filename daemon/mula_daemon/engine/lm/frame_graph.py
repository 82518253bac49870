"""Frames as CUDA graphs: one launch instead of a thousand.

A recording is of fixed kernels on fixed memory, so there is one for each length of cache that
attention may read (`EXTENTS`), all made before the first frame is. Turning a knob or starting
another job records nothing. Written without a GPU at hand: nobody has run it on one yet; the
tests record on the CPU with a fake. Engine process only; one thread at a time.
"""

import logging
import weakref
from collections.abc import Callable

import torch

from mula_daemon.engine.lm.frame_step import FrameStep

EXTENTS = (512, 1024, 2048, 4096, 8192)
"""Positions: a recording reads the cache up to one of these."""

BUCKET = 64
"""Positions: where nothing is recorded, what is read grows in such steps."""

Record = Callable[[Callable[[], None]], Callable[[], None]]
"""Makes of some work on fixed tensors something that does the same work again, at once."""

log = logging.getLogger(__name__)


def recorder(device: torch.device) -> Record | None:
    """Records CUDA graphs on ``device``, which share their scratch memory; None for no CUDA.

    Kernels keep the priority of the stream they are recorded on: the current one, for whose replays
    this is, or where that is the default stream, which cannot be recorded, one of torch's own.
    They also keep the workspace that cuBLAS has for that stream, so what runs beside each other
    must not be recorded on the same one.
    Nothing is executed while recording. Raises ``RuntimeError`` for work that cannot be recorded.
    """
    if device.type != "cuda":
        return None
    pool = None
    living = weakref.WeakSet[torch.cuda.CUDAGraph]()

    def record(work: Callable[[], None]) -> Callable[[], None]:
        nonlocal pool
        if not living:  # a pool that its last graph has left may not be used again
            pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        living.add(graph)
        current = torch.cuda.current_stream(device)
        stream = None if current == torch.cuda.default_stream(device) else current
        # Other threads may go on with the GPU: only what this one does is watched.
        with torch.cuda.graph(graph, pool, stream, capture_error_mode="thread_local"):
            work()
        return graph.replay

    return record


class FrameGraphs:
    """A `FrameStep` with a recording for each extent up to its number of slots.

    Its buffers must hold nothing of worth: the work is run once before it is recorded, for what
    libraries do at their first call. Without ``record``, or when recording fails, frames are run
    as they are, and nothing but speed is lost.
    """

    def __init__(self, step: FrameStep, record: Record | None) -> None:
        self.step = step
        self.recordings = 0
        self._replays: dict[int, Callable[[], None]] = {}
        if record is None:
            return
        slots = step.state.slots
        try:
            for extent in sorted({min(extent, slots) for extent in EXTENTS}):
                step.run(extent)
                self._replays[extent] = record(lambda extent=extent: step.run(extent))  # type: ignore[misc]
                self.recordings += 1
        except RuntimeError as error:
            self._replays.clear()
            log.warning("no CUDA graph could be recorded (%s); frames take longer", error)

    def run(self, used: int) -> None:
        """Make a frame when ``used`` slots hold positions, its own included."""
        for extent, replay in self._replays.items():
            if used <= extent:
                replay()
                return
        self.step.run(extent_of(used))


def extent_of(used: int) -> int:
    """Slots read when ``used`` of them hold positions, where nothing is recorded."""
    return -(-used // BUCKET) * BUCKET
