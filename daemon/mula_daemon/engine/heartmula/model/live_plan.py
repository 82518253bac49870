"""How live play cuts its windows, and how long before it is heard it begins with them. Pure.

A burst is the frames of one window and the window itself, made back to back. With windows of
``hop`` frames, burst g makes the frames from g * hop on, and its sound begins one frame earlier:
that frame's sound had to wait for the latents after it. So a burst is begun a frame, and what it
takes to make, before its own first frame is heard; and a knob waits for the next burst, which is
half a hop on average. What a burst takes is measured: when the engine gets warm, and while it
plays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from mula_daemon.engine.heartmula.codec import Arithmetic
from mula_daemon.engine.heartmula.model.streaming import LIVE_HOP, StreamSettings

FRAME_S: Final = 0.08
"""Seconds of sound in a frame."""
HOPS: Final = (2, 4, LIVE_HOP)
"""Frames a window adds. Below two the wait for the ear is the look-ahead's and the sound card's."""
QUALITIES: Final = ((10, 52), (10, 25), (6, 25), (4, 25))
"""Euler steps, and frames of context; the best first."""
LOAD: Final = 0.7
"""The most that may be computed, in seconds for a second of sound: the rest is for the moments in
which a machine has other things to do."""
BUSY: Final = 0.85
"""A mean load from which on hops get longer, while live play goes on..."""
CALM: Final = 0.6
"""...and up to which shorter ones may come back."""
EVENLY: Final = 1.25
"""Where frames are made one by one: of what sound lags behind, a quarter for computing."""
AUDIO_S: Final = 0.075
"""What sound has before it when it is made: a margin, the buffer, the output. An estimate."""

MEMORY: Final = 128
"""Bursts of which all but the longest one per cent are to be in time; so one alone moves nothing.
With a hop of two that is 20 s..."""
RECENT: Final = 16
"""...and those whose mean decides on the hop."""
LONGER_S: Final = 0.005
"""So much later than expected, and bursts begin earlier..."""
SHORTER_S: Final = 0.02
"""...and so much earlier, and they begin later."""

WindowSeconds = Callable[[StreamSettings], float | None]
"""Measures one window in the middle of live play; None: there is no time left to."""


@dataclass(frozen=True)
class LivePlan:
    """What live play does.

    ``settings`` are the codec's, with a ``first`` like every other window. ``frame_s`` is what the
    language model takes for a frame, ``windows`` what a window takes with each hop that was
    measured, ``burst_s`` what all of a burst takes at worst, in seconds. With ``bursts`` 0, frames
    are made one by one at the pace of the ear.
    """

    settings: StreamSettings
    frame_s: float = 0.0
    windows: Mapping[int, float] | None = None
    burst_s: float = 0.0

    @property
    def in_bursts(self) -> bool:
        return bool(self.settings.bursts)

    @property
    def burst_frames(self) -> int:
        """`EngineInfo.burst_frames`."""
        return self.settings.hop if self.in_bursts else 1

    @property
    def delay_s(self) -> float:
        """`EngineInfo.delay_seconds`."""
        if not self.in_bursts:
            return EVENLY * self.settings.delay * FRAME_S
        return FRAME_S + self.burst_s

    @property
    def ear_s(self) -> tuple[float, float]:
        """How long after it was turned a knob is heard, on average and at worst."""
        waits = FRAME_S * self.burst_frames
        return waits / 2 + self.delay_s + AUDIO_S, waits + self.delay_s + AUDIO_S

    @property
    def words(self) -> str:
        """All of it, in a sentence for the log."""
        usual, worst = self.ear_s
        settings = self.settings
        return (
            f"live play makes {settings.hop} frames of sound at a time, after {settings.context} "
            f"known ones and in {_steps(settings)}: a knob is heard about {usual:.2f} s after it "
            f"was turned, {worst:.2f} s at most"
        )

    def at(self, hop: int, frame_s: float, window_s: float) -> LivePlan:
        """The same quality with another hop."""
        settings = _with_hop(self.settings, hop)
        return replace(self, settings=settings, frame_s=frame_s, burst_s=hop * frame_s + window_s)


def load(hop: int, frame_s: float, window_s: float) -> float:
    """Seconds of computing for a second of sound."""
    return (hop * frame_s + window_s) / (hop * FRAME_S)


def evenly(asked: StreamSettings) -> LivePlan:
    """For a machine that is too slow for bursts, or a user who wants none."""
    return LivePlan(replace(asked.for_live(), bursts=0))


def choose(
    asked: StreamSettings,
    frame_s: float,
    measure: WindowSeconds,
    flows: Sequence[Arithmetic] = (Arithmetic.LOADED,),
) -> LivePlan:
    """The best quality, and with it the shortest hop, that leaves the machine time enough; with
    that the first of ``flows`` that does.

    What the user has set holds. Without any that leaves time, frames are made `evenly`.
    """
    if not asked.bursts or frame_s >= LOAD * FRAME_S:
        return evenly(asked)
    hops = (min(asked.hop, LIVE_HOP),) if asked.holds("hop") else HOPS
    for settings in _candidates(asked, hops, (asked.flow,) if asked.holds("flow") else flows):
        window_s = measure(settings)
        if window_s is None:
            break
        if load(settings.hop, frame_s, window_s) <= LOAD:
            others = ((hop, measure(_with_hop(settings, hop))) for hop in hops)
            windows = {hop: seconds for hop, seconds in others if seconds is not None}
            windows[settings.hop] = window_s
            return LivePlan(settings, windows=windows).at(settings.hop, frame_s, window_s)
    return evenly(asked)


def _candidates(
    asked: StreamSettings, hops: Sequence[int], flows: Sequence[Arithmetic]
) -> Iterator[StreamSettings]:
    """What may be chosen, the best first."""
    qualities = dict.fromkeys(
        (
            asked.steps if asked.holds("steps") else steps,
            asked.context if asked.holds("context") else context,
        )
        for steps, context in QUALITIES
    )
    for (steps, context), hop, flow in product(qualities, hops, flows):
        yield replace(_with_hop(asked, hop), steps=steps, context=context, flow=flow)


def _with_hop(settings: StreamSettings, hop: int) -> StreamSettings:
    return replace(settings, first=hop, hop=hop)


class LiveWatch:
    """Weighs each burst of live play, and changes the plan when it fits no more. One thread."""

    def __init__(self, plan: LivePlan) -> None:
        self.plan = plan
        self._took: deque[float] = deque(maxlen=MEMORY)
        self._mean: deque[tuple[float, float]] = deque(maxlen=RECENT)
        """Of each burst its frames and its window, as they would take with all the steps."""
        self._follow(plan)

    def weigh(self, frames_s: float, window_s: float, share: float = 1.0) -> LivePlan | None:
        """Take in what the frames of a burst and their window took, in seconds; a new plan, if
        there is need for one. ``share`` is the part of a window's full work that this one got."""
        self._took.append(frames_s + window_s)
        self._mean.append((frames_s, window_s / share))
        return self._other_hop() or self._other_lead()

    def _other_lead(self) -> LivePlan | None:
        plan = self.plan
        # A burst that takes longer than its sound lasts cannot be made up for by an earlier begin.
        needed_s = min(_all_but_one_per_cent(self._took), plan.settings.hop * FRAME_S)
        if plan.burst_s - SHORTER_S <= needed_s <= plan.burst_s + LONGER_S:
            return None
        self.plan = replace(plan, burst_s=needed_s)
        return self.plan

    def _other_hop(self) -> LivePlan | None:
        plan, hop = self.plan, self.plan.settings.hop
        windows = plan.windows or {}
        if len(self._mean) < RECENT or hop not in windows:
            return None
        frame_s, window_s = (sum(part) / RECENT for part in zip(*self._mean, strict=True))
        frame_s /= hop
        # Windows of other hops take as much longer as this one does.
        times = {each: seconds * window_s / windows[hop] for each, seconds in windows.items()}
        loads = {each: load(each, frame_s, seconds) for each, seconds in times.items()}
        if loads[hop] > BUSY:
            longer = [each for each in sorted(times) if each > hop]
            wanted = next((each for each in longer if loads[each] <= LOAD), max(times))
        else:
            shorter = [each for each in sorted(times) if each < hop]
            wanted = next((each for each in shorter if loads[each] <= CALM), hop)
        if wanted == hop:
            return None
        self.plan = plan.at(wanted, frame_s, times[wanted])
        self._follow(self.plan)
        return self.plan

    def _follow(self, plan: LivePlan) -> None:
        """Expect of every burst what the plan says."""
        self._took.extend([plan.burst_s] * MEMORY)
        self._mean.clear()


def _all_but_one_per_cent(seconds: deque[float]) -> float:
    """The 99th percentile by nearest rank."""
    return sorted(seconds)[-(-len(seconds) * 99 // 100) - 1]


def _steps(settings: StreamSettings) -> str:
    said = "1 step" if settings.steps == 1 else f"{settings.steps} steps"
    return f"{said} of {settings.flow}" if settings.flow is not Arithmetic.LOADED else said
