"""What plays a model: its weights, and the steps recorded on them, which outlive a job.

The next job starts with what was recorded before. Engine process only; one thread at a time.
"""

from mula_daemon.engine.lm.frame_graph import EXTENTS, FrameGraphs, Record
from mula_daemon.engine.lm.frame_step import FrameStep
from mula_daemon.engine.lm.static_model import StaticModel
from mula_daemon.engine.lm.static_stack import StackState

IDLE = 2
"""Steps that are kept with nobody using them; each holds caches of its own."""


class Player:
    """Lends the steps of ``model``, recorded with ``record``.

    Without it they are made for each job, which costs nothing. ``recordings`` counts all that were
    ever made.
    """

    def __init__(self, model: StaticModel, record: Record | None = None) -> None:
        self.model = model
        self.recordings = 0
        self._record = record
        self._idle: list[FrameGraphs] = []

    def prepare(self, positions: int, takes: int = 1, prompts: int = 1) -> None:
        """Record what a first job of that many ``positions`` would have to wait for."""
        if self._record is not None:
            state = self.model.backbone_state(takes * (prompts + 1), positions)
            self.give_back(self.lend(takes, state, clocked=False, banned=True))

    def lend(self, takes: int, state: StackState, *, clocked: bool, banned: bool) -> FrameGraphs:
        """A step for ``takes`` takes: on ``state``, or where steps are recorded on another.

        That one has as many rows and at least as many slots, of which recording has left nothing
        of worth in it: copy what ``state`` holds.
        """
        if self._record is None:
            step = FrameStep(self.model, takes, state, clocked=clocked, banned=banned)
            return FrameGraphs(step, None)
        wanted = (takes, state.rows, clocked)
        for graphs in self._idle:
            step = graphs.step
            known = (step.takes, step.state.rows, step.clock is not None)
            if known == wanted and step.state.slots >= state.slots:
                self._idle.remove(graphs)
                return graphs
        slots = next((extent for extent in EXTENTS if extent >= state.slots), state.slots)
        own = self.model.backbone_state(state.rows, slots)
        step = FrameStep(self.model, takes, own, clocked=clocked, banned=True)
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
