"""The one frame loop: what every engine does from one reading of the knobs to the next.

An engine brings what makes its frames, and what they sound like. Nothing is assumed of the model:
its codes may be delayed against each other, its sound may come in windows long after them.
Imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from time import perf_counter_ns
from typing import Protocol

from mula_bridge.control.messages import Notice
from mula_daemon.engine.seam import AudioBlock, ClipRequest, Frame, FrameKnobs, Item, Timing


@dataclass(frozen=True, slots=True)
class MadeFrame:
    """What came of one reading of the knobs.

    ``codes`` are [takes][codebooks]. ``knobs`` are those it was sampled with, their texts those
    that came into force with it. ``over`` are the takes that the model has ended by now: this
    frame is no music of theirs any more. ``notices`` go out before it.
    """

    codes: tuple[tuple[int, ...], ...]
    knobs: FrameKnobs
    over: frozenset[int] = frozenset()
    notices: Sequence[Notice] = ()


class FrameMaker(Protocol):
    """A model in the middle of a clip: prompts, caches and chance of all its takes."""

    def make(self, asked: FrameKnobs) -> MadeFrame:
        """The next frame, with the knobs as they are now."""


class ClipSound(Protocol):
    """What the frames of a clip sound like."""

    def add(self, frame: MadeFrame, made_s: float) -> Iterable[AudioBlock | Notice | Timing]:
        """The sound that ``frame`` completes, which took ``made_s`` seconds to make."""

    def rest(self) -> Iterable[AudioBlock | Notice]:
        """All that is left after the last frame, once; what makes loops of the takes comes last."""


def play(
    clip: ClipRequest,
    total: int,
    knobs: Callable[[], FrameKnobs],
    maker: FrameMaker,
    sound: ClipSound,
) -> Generator[Item, None, None]:
    """``total`` frames of ``clip`` (0: for ever) and their sound, in `Engine.generate`'s order.

    Fewer when every take is over before. A clip keeps its tempo, live play takes that of the knobs.
    ``maker`` is let go before the rest of the sound is made, which may need its memory: keep none.
    """
    bpm = clip.bpm
    for index in range(total) if total else count():
        asked = knobs()
        started = perf_counter_ns()
        if clip.endless and asked.bpm:
            bpm = asked.bpm
        made = maker.make(replace(asked, bpm=bpm))
        made_s = (perf_counter_ns() - started) / 1e9
        yield from made.notices
        yield Frame(clip.job, index, total, made.codes, made.knobs, started)
        yield from sound.add(made, made_s)
        if len(made.over) == len(clip.seeds):
            break
    del maker
    yield from sound.rest()
