"""Who asked for a job, and so hears of it until it is over. Pure; one thread."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from msgspec import Struct

from mula_bridge.control.messages import (
    ClipReady,
    JobChanged,
    JobState,
    Notice,
    Progress,
    Report,
)
from mula_bridge.net import Peer

MAX_ASKED: Final = 256
"""So many are remembered, each with one job; beyond that the one who asked first is forgotten."""


class Subject(Struct, frozen=True):
    """The job that a report is about, and whether that is under way."""

    job: str
    over: bool = False


def subject_of(report: Report) -> Subject | None:
    """What a report is about, if that is a job."""
    match report:
        case JobChanged(job, state):
            return Subject(job, over=state not in (JobState.QUEUED, JobState.RUNNING))
        case Progress(id=job) | ClipReady(job=job) | Notice(job=job) if job:
            return Subject(job)
    return None


class Askers:
    """Pairs of a job and a peer, at most ``limit`` of them."""

    def __init__(self, limit: int = MAX_ASKED) -> None:
        self._limit = limit
        self._asked: OrderedDict[tuple[str, Peer], None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._asked)

    def add(self, job: str, peer: Peer) -> None:
        """``peer`` wants to hear of ``job``."""
        self._asked[job, peer] = None
        self._asked.move_to_end((job, peer))
        if len(self._asked) > self._limit:
            self._asked.popitem(last=False)

    def of(self, job: str) -> list[Peer]:
        """Those who want to hear of ``job``, in the order in which they asked."""
        return [peer for asked, peer in self._asked if asked == job]

    def over(self, job: str) -> None:
        """A job has ended, and is spoken of no more."""
        for peer in self.of(job):
            del self._asked[job, peer]

    def forget(self, peer: Peer) -> None:
        """A peer has left."""
        for key in [key for key in self._asked if key[1] == peer]:
            del self._asked[key]
