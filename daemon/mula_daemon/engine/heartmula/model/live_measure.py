"""What a frame and a window of live play take here, measured once the engine is warm.

Engine process only; one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from statistics import median
from time import monotonic, perf_counter
from typing import Final

from mula_daemon.engine.heartmula.codec import HeartCodec
from mula_daemon.engine.heartmula.model.live_plan import FRAME_S, HOPS, LOAD, QUALITIES
from mula_daemon.engine.heartmula.model.sound import CodecLane, measure_window
from mula_daemon.engine.heartmula.model.streaming import StreamSettings

LONGEST_S: Final = 20.0
"""How long the measuring of windows may take, but for the last one."""
FRAMES: Final = 24
FRAMES_S: Final = 1.0
"""So many frames are measured, or as many as there is time for, but for one."""


def measure_frames(make: Callable[[], object]) -> float:
    """Seconds that a frame takes: the median, without the first one."""
    took: list[float] = []
    end = monotonic() + FRAMES_S
    while not took or (len(took) < FRAMES and monotonic() < end):
        start = perf_counter()
        make()
        took.append(perf_counter() - start)
    return median(took[1:] or took)


class WindowMeasure:
    """`WindowSeconds` of a codec, that ends in time where windows take minutes."""

    def __init__(self, codec: HeartCodec, lane: CodecLane) -> None:
        self._codec = codec
        self._lane = lane
        self._end = monotonic() + LONGEST_S
        self._hopeless = False
        self._known: dict[StreamSettings, float] = {}
        self._probed = codec.device.type == "cuda"

    def __call__(self, settings: StreamSettings) -> float | None:
        """Seconds; None where there is no time, or no use."""
        if not self._probed:
            self._probed, self._hopeless = True, self._is_hopeless(settings)
        if settings in self._known:
            return self._known[settings]
        if self._hopeless or monotonic() > self._end:
            return None
        self._known[settings] = measure_window(self._codec, settings, self._lane)
        return self._known[settings]

    def _is_hopeless(self, settings: StreamSettings) -> bool:
        """Whether a window of one frame, without context and in one step, takes so long that none
        of any use can be in time: all of them are more work by far."""
        least = min(settings.steps, *(steps for steps, _ in QUALITIES))
        smallest = replace(settings, first=1, hop=1, context=0, steps=1)
        probe_s = measure_window(self._codec, smallest, self._lane, windows=1)
        return probe_s * least > LOAD * FRAME_S * max(settings.hop, *HOPS)
