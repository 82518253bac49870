"""A turntable on a speaker that nobody hears, and one that follows what is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter_ns, sleep

from mula_bridge.control.messages.states import Playing
from mula_bridge.control.service import Errands
from mula_daemon.audio.speaker import Speaker
from mula_daemon.audition.events import ClipUnplayable, TakeAudible, TakeGone, TakeOpened
from mula_daemon.audition.turntable import Start, Turntable
from mula_daemon.clips.library import Library
from mula_daemon.tempo.timeline import Timeline


@contextmanager
def turning(
    folder: Path, timeline: Timeline | None = None
) -> Iterator[tuple[Turntable, list[tuple[str, str]]]]:
    """A turntable for the clips in ``folder``, and what could not be played."""
    library = Library(folder)
    library.prepare()
    speaker = Speaker()
    failures: list[tuple[str, str]] = []
    now = timeline or Timeline(at_ns=perf_counter_ns())
    reader = Errands("reader", drop=True)

    def post(event: object) -> None:
        if isinstance(event, ClipUnplayable):
            failures.append((event.clip, event.reason))

    turntable = Turntable(speaker, library, reader, lambda: now, post)
    services = (speaker.feeder, reader)
    for service in services:
        service.start()
    try:
        yield turntable, failures
    finally:
        for service in services:
            service.stop()


def quiet(event: object) -> None:
    """Wants to know nothing of takes."""


class Following:
    """Plays each take as soon as it can be heard, and notes what it heard of."""

    def __init__(self, turntable: Turntable, *, behind: bool = False) -> None:
        self.heard: list[tuple[str, str]] = []
        self._turntable = turntable
        self._behind = behind

    def __call__(self, event: object) -> None:
        match event:
            case TakeOpened(take):
                self.heard.append(("opened", take.id))
            case TakeAudible(take):
                self.heard.append(("audible", take.id))
                self._turntable.play(Start(take.id, take.request.bpm, behind=self._behind))
            case TakeGone(take):
                self.heard.append(("gone", take.id))


def until(turntable: Turntable, playing: Playing, timeout: float = 5.0) -> float:
    """Wait until the turntable does that; the beat it is at then."""
    end = monotonic() + timeout
    while True:
        state, beat = turntable.state(perf_counter_ns())
        if state is playing:
            return beat
        assert monotonic() < end, f"still {state}"
        sleep(0.003)
