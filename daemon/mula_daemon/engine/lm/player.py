"""Frame steps that outlive a job, so that the next one starts with what was recorded before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mula_daemon.engine.lm.frame_graph import EXTENTS, FrameGraphs, Record
from mula_daemon.engine.lm.frame_step import FrameStep
from mula_daemon.engine.lm.static_stack import StackState

if TYPE_CHECKING:
    from mula_daemon.engine.lm.static_model import StaticModel

IDLE = 2
"""Steps that are kept with nobody using them; each holds caches of its own."""


class StepPool:
    """Lends the steps of one model. One thread at a time.

    ``record`` is how steps are recorded; without it they are made for each job, which costs
    nothing. ``recordings`` counts all that were ever made.
    """

    def __init__(self, record: Record | None = None) -> None:
        self.recordings = 0
        self._record = record
        self._idle: list[FrameGraphs] = []

    @property
    def records(self) -> bool:
        """Whether steps are recorded."""
        return self._record is not None

    def lend(
        self, model: StaticModel, takes: int, state: StackState, *, clocked: bool, banned: bool
    ) -> FrameGraphs:
        """A step for ``takes`` takes: on ``state``, or where steps are recorded on another.

        That one has as many rows and at least as many slots, of which recording has left nothing
        of worth in it: copy what ``state`` holds.
        """
        if self._record is None:
            step = FrameStep(model, takes, state, clocked=clocked, banned=banned)
            return FrameGraphs(step, None)
        wanted = (model, takes, state.rows, clocked)
        for graphs in self._idle:
            step = graphs.step
            known = (step.model, step.takes, step.state.rows, step.clock is not None)
            if known == wanted and step.state.slots >= state.slots:
                self._idle.remove(graphs)
                return graphs
        slots = next((extent for extent in EXTENTS if extent >= state.slots), state.slots)
        own = model.backbone_state(state.rows, slots)
        step = FrameStep(model, takes, own, clocked=clocked, banned=True)
        graphs = FrameGraphs(step, self._record)
        self.recordings += graphs.recordings
        return graphs

    def give_back(self, graphs: FrameGraphs) -> None:
        """``graphs`` will not be used by its borrower any more."""
        if self._record is not None:
            self._idle = [graphs, *self._idle][:IDLE]

    def forget(self) -> None:
        """Give up the idle steps and their caches; a later job records its own again."""
        self._idle.clear()
