"""A turntable on a speaker that nobody hears, and one that follows what is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter_ns, sleep

from mula_bridge.control.messages.states import Playing
from mula_daemon.audio.outlet import Nowhere
from mula_daemon.audio.speaker import Speaker
from mula_daemon.audition.turntable import Start, Turntable
from mula_daemon.clips.library import Library
from mula_daemon.clips.take import Take
from mula_daemon.tempo.timeline import Timeline


@contextmanager
def turning(
    folder: Path, timeline: Timeline | None = None
) -> Iterator[tuple[Turntable, list[tuple[str, str]]]]:
    """A turntable for the clips in ``folder``, and what could not be played."""
    library = Library(folder)
    library.prepare()
    speaker = Speaker(Nowhere().itself)
    failures: list[tuple[str, str]] = []
    now = timeline or Timeline(at_ns=perf_counter_ns())
    turntable = Turntable(speaker, library, lambda: now, lambda *why: failures.append(why))
    try:
        yield turntable, failures
    finally:
        turntable.shutdown()
        speaker.shutdown()


class Quiet:
    """Wants to know nothing of takes."""

    def opened(self, take: Take) -> None: ...
    def audible(self, take: Take) -> None: ...
    def gone(self, take: Take) -> None: ...


class Following:
    """Plays each take as soon as it can be heard, and notes what it heard of."""

    def __init__(self, turntable: Turntable, *, behind: bool = False) -> None:
        self.heard: list[tuple[str, str]] = []
        self._turntable = turntable
        self._behind = behind

    def opened(self, take: Take) -> None:
        self.heard.append(("opened", take.id))

    def audible(self, take: Take) -> None:
        self.heard.append(("audible", take.id))
        self._turntable.play(Start(take.id, take.request.bpm, behind=self._behind))

    def gone(self, take: Take) -> None:
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
