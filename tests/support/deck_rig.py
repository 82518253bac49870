"""A deck on real files, whose turntable only notes what it is to play."""

from __future__ import annotations

import queue
from collections.abc import Callable
from pathlib import Path
from threading import Event
from time import monotonic

from mula_bridge.control.messages.commands import (
    DeckCommand,
)
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import (
    Report,
)
from mula_bridge.control.messages.states import Playing
from mula_bridge.control.service import Errands
from mula_daemon.audition.events import (
    DeckEvent,
)
from mula_daemon.audition.handler import Audition
from mula_daemon.audition.turntable import Start
from mula_daemon.clips.catalogue import Catalogue
from mula_daemon.clips.library import Library
from mula_daemon.session.publisher import Publisher
from support.shelved_clips import put_clip

ALICE = Origin("osc", ("127.0.0.1", 1), address="/mula/audition/here")


class FakeTurntable:
    """A turntable that plays at once, and notes what."""

    def __init__(self) -> None:
        self.starts: list[Start] = []
        self.playing = Playing.STOPPED
        self.loop: bool | None = None
        self.gain_db: float | None = None

    def play(self, start: Start) -> None:
        self.starts.append(start)
        self.playing = Playing.PLAYING

    def stop(self) -> None:
        self.playing = Playing.STOPPED

    def set_loop(self, on: bool) -> None:
        self.loop = on

    def set_gain(self, decibels: float) -> None:
        self.gain_db = decibels

    def state(self, _now_ns: int) -> tuple[Playing, float]:
        return self.playing, 1.5 if self.playing is Playing.PLAYING else 0.0


class Rig:
    def __init__(self, folder: Path, clips: int = 4) -> None:
        self.library = Library(folder)
        self.library.prepare()
        for number in range(clips):
            put_clip(self.library, f"clip0{number}", job=f"job{number}", bpm=120.0 + number)
        self.begin()

    def begin(self) -> None:
        """A daemon on what is in the folder."""
        self.heard: list[tuple[Report, Origin | None, Origin | None]] = []
        self.turntable = FakeTurntable()
        self.events: queue.Queue[object] = queue.Queue()
        self.audible = True
        publisher = Publisher()
        publisher.listen(self)
        self.publish = publisher.publish
        self.reopen(Catalogue.of(self.library))

    def reopen(self, catalogue: Catalogue) -> None:
        """A deck on ``catalogue``, and a worker for it."""
        self.mover = Errands("files")
        self.mover.start()
        self.audition = Audition(
            catalogue,
            self.turntable,  # type: ignore[arg-type]
            self.mover,
            self.events.put,
            self.publish,
            bpm=lambda: 120.0,
            can_be_heard=lambda: self.audible,
        )

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        self.heard.append((report, to, but))

    def send(self, *commands: DeckCommand) -> None:
        for command in commands:
            self.audition.handle(command, ALICE)

    def settle(self, wanted: Callable[[], bool] = lambda: False) -> None:
        """Do what other threads asked for, until ``wanted``, or all files are moved."""
        done = Event()
        self.mover.do(done.set)
        end = monotonic() + 10
        while not (wanted() or (done.is_set() and self.events.empty())):
            assert monotonic() < end
            try:
                event = self.events.get(timeout=0.01)
            except queue.Empty:
                continue
            if isinstance(event, DeckEvent):
                self.audition.hear(event)
            else:  # a report, which the session publishes
                self.publish(event)  # type: ignore[arg-type]

    def all(self, kind: type) -> list[Report]:
        return [report for report, _, _ in self.heard if isinstance(report, kind)]

    @property
    def on(self) -> str | None:
        return self.audition.deck.current

    def played(self) -> list[str]:
        return [start.clip for start in self.turntable.starts]
