"""What plays a model: its weights, and the steps recorded on them, which outlive a job.

The next job starts with what was recorded before. Engine process only; one thread at a time.
"""

import torch

from mula_daemon.engine.lm.frame_graph import EXTENTS, FrameGraphs, Record
from mula_daemon.engine.lm.frame_step import FrameStep
from mula_daemon.engine.lm.static_model import StaticModel

IDLE = 2
"""Steps that are kept with nobody using them; each holds caches of its own."""

URGENT = -1
"""A stream's priority: the lower, the sooner a card begins its kernels when others wait, too."""


def go_first(device: torch.device) -> None:
    """Have what the calling thread does on ``device`` from now on go before other streams' work.

    A frame is a thousand small kernels, and each would wait for one of the codec's large ones.
    For the thread that loads and plays, before it loads: what was queued before is not waited
    for. What is recorded from then on keeps the priority. Does nothing where there is no card.
    """
    if device.type == "cuda":
        stream = torch.cuda.Stream(device, priority=URGENT)  # type: ignore[no-untyped-call]
        torch.cuda.set_stream(stream)


class Player:
    """Lends the steps of ``model``, recorded with ``record``.

    Without it they are made for each job, which costs nothing. ``recordings`` counts all that were
    ever made. ``beside`` is the stream, of lower priority, that primings are read on; None: there
    are no streams.
    """

    def __init__(self, model: StaticModel, record: Record | None = None) -> None:
        self.model = model
        self.recordings = 0
        self._record = record
        self._idle: list[FrameGraphs] = []
        self.beside: torch.cuda.Stream | None = None
        if model.device.type == "cuda":
            self.beside = torch.cuda.Stream(model.device)  # type: ignore[no-untyped-call]

    def prepare(self, positions: int, takes: int = 1, prompts: int = 1) -> None:
        """Record what a first job of that many ``positions`` would have to wait for."""
        if self._record is not None:
            rows = takes * (prompts + 1)
            self.give_back(self.lend(takes, rows, positions, clocked=False, banned=True))

    def lend(
        self, takes: int, rows: int, slots: int, *, clocked: bool, banned: bool
    ) -> FrameGraphs:
        """A step for ``takes`` takes in ``rows`` rows of at least so many ``slots``.

        Nothing of worth is in its caches.
        """
        if self._record is None:
            state = self.model.backbone_state(rows, slots)
            step = FrameStep(self.model, takes, state, clocked=clocked, banned=banned)
            return FrameGraphs(step, None)
        if (kept := self._kept(takes, rows, slots, clocked=clocked)) is not None:
            self._idle.remove(kept)
            return kept
        slots = next((extent for extent in EXTENTS if extent >= slots), slots)
        state = self.model.backbone_state(rows, slots)
        step = FrameStep(self.model, takes, state, clocked=clocked, banned=True)
        graphs = FrameGraphs(step, self._record)
        self.recordings += graphs.recordings
        return graphs

    def keeps(self, takes: int, rows: int, slots: int, *, clocked: bool) -> bool:
        """Whether `lend` would allocate nothing."""
        return self._kept(takes, rows, slots, clocked=clocked) is not None

    def _kept(self, takes: int, rows: int, slots: int, *, clocked: bool) -> FrameGraphs | None:
        for graphs in self._idle:
            step = graphs.step
            known = (step.takes, step.state.rows, step.clock is not None)
            if known == (takes, rows, clocked) and step.state.slots >= slots:
                return graphs
        return None

    def give_back(self, graphs: FrameGraphs) -> None:
        """``graphs`` will not be used by its borrower any more."""
        if self._record is not None:
            self._idle = [graphs, *self._idle][:IDLE]

    def forget(self) -> None:
        """Give up the idle steps and their caches; a later job records its own again."""
        self._idle.clear()
