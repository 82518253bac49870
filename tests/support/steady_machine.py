"""A machine that is as quick as is said, whatever else the real one does meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mula_daemon.engine.heartmula.model import engine as heartmula
from mula_daemon.engine.heartmula.model.live_measure import WindowMeasure, measure_frames
from mula_daemon.engine.heartmula.model.streaming import StreamSettings


def steady_machine(
    patch: pytest.MonkeyPatch, *, frame_s: float = 1e-3, step_s: float = 1e-3
) -> None:
    """Have HeartMuLa, as it gets warm, make the frames and windows that it measures, and find that
    a frame and a step of a window took so long: how it plays live hangs on nothing else."""

    class Windows(WindowMeasure):
        def __call__(self, settings: StreamSettings) -> float | None:
            super().__call__(settings)
            return step_s * settings.steps

    def frames(make: Callable[[], object]) -> float:
        measure_frames(make)
        return frame_s

    patch.setattr(heartmula, "measure_frames", frames)
    patch.setattr(heartmula, "WindowMeasure", Windows)
