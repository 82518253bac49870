"""How a job's takes are recorded: each into the folder, and onto the deck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path, PurePath

from mula_bridge.control import Service, Task
from mula_bridge.control.messages import ClipReady, Notice
from mula_daemon.audition import ClipComplete, TakeSink, Turntable
from mula_daemon.beats import SPARE_BARS, Fit, ranking, tracker
from mula_daemon.clips import (
    Catalogue,
    FittedSink,
    FolderSink,
    Recipe,
    Sink,
    Take,
    needs_fitting,
    place_of,
)
from mula_daemon.engine import EngineInfo
from mula_daemon.jobs import Job, Recording, remarks
from mula_daemon.live import heard_by
from mula_daemon.settings import BeatsMode, Layout


class Takes:
    """Makes the recording of each job that is about to run. Session thread only."""

    def __init__(
        self,
        catalogue: Catalogue,
        layout: Layout,
        turntable: Turntable,
        post: Callable[[object], None],
        *,
        tend: Callable[[Service], None] = lambda service: None,
        rerolls: int = 0,
        beats: BeatsMode = BeatsMode.OFF,
    ) -> None:
        """``turntable`` lets a take be heard while it is written.

        ``post`` is handed, on any thread, each clip that is in the folder, and what there is to
        remark on it. ``rerolls``: how often a silent take is made again. ``beats``: what is done
        with the clips of an engine without a tempo of its own. ``tend`` looks after a thread.
        """
        self._catalogue = catalogue
        self._layout = layout
        self._turntable = turntable
        self._heard: tuple[TakeSink, ...] = ()
        self._post = post
        self._tend = tend
        self._rerolls = rerolls
        self._beats = beats
        self._loading = False

    def record(self, job: Job, engine: EngineInfo) -> Recording:
        """Its takes and their sinks. What is to be cut to bars gets spare ones to make."""
        beats = self._beats_of(job, engine)
        if beats is BeatsMode.TRIM and not job.request.performance:
            job.request = replace(job.request, spare_bars=SPARE_BARS)
        takes = [
            Take(self._catalogue.new_id(), number, job.request, engine, job.knobs)
            for number in range(len(job.request.seeds))
        ]
        place = self.place(job.id)
        self._heard = tuple(TakeSink(self._turntable, self._post) for _ in takes)
        fits: list[Fit] = []
        sinks: list[list[Sink]] = []
        for heard in self._heard:
            folder = FolderSink(
                self._catalogue.folder, place=place, published=partial(self._told, job)
            )
            found = partial(self._fitted, job, fits)
            # One that was made with spare bars is made again with them, whatever is set now.
            plain = beats is BeatsMode.OFF and not job.request.spare_bars
            sinks.append([folder if plain else FittedSink(folder, beats, found), heard])
        return Recording(takes, sinks)

    def heard_ns(self, job: str, frame: int) -> int | None:
        """perf_counter_ns at which a frame of the running job is heard first, if that is known.

        Any thread.
        """
        return heard_by(*(sink.heard_ns for sink in self._heard))(job, frame)

    def place(self, job: str) -> PurePath:
        """The subfolder for the clips of a job that begins now. Any thread."""
        return place_of(self._layout, job, datetime.now())

    def published(self, recipe: Recipe, path: Path) -> None:
        """Say that a clip is in the folder. Any thread."""
        self._catalogue.published(recipe, path)
        self._post(ClipComplete(recipe))  # the deck first, as somebody may judge it at once
        self._post(
            ClipReady(
                id=recipe.id,
                job=recipe.job,
                path=str(path),
                bpm=recipe.bpm,
                bars=recipe.bars,
                seed=recipe.seed,
                seconds=recipe.seconds,
            )
        )

    def _beats_of(self, job: Job, engine: EngineInfo) -> BeatsMode:
        if self._beats is BeatsMode.OFF or not needs_fitting(engine):
            return BeatsMode.OFF
        if not tracker.is_there():
            self._post(Notice(job.id, "beats", tracker.MISSING))
            self._beats = BeatsMode.OFF  # said once
        elif not self._loading:
            self._loading = True  # the first clip should not wait for its import
            loading = Task("beats", tracker.load)
            self._tend(loading)
            loading.start()
        return self._beats

    def _fitted(self, job: Job, fits: list[Fit], take: Take, fit: Fit) -> None:
        fits.append(fit)
        said = fit.sentence(take.take + 1, take.request.bars)
        self._post(Notice(job.id, "beats", said))
        count = len(job.request.seeds)
        if len(fits) == count > 1:
            self._post(Notice(job.id, "beats", ranking(fits)))

    def _told(self, job: Job, recipe: Recipe, path: Path) -> None:
        if recipe.fit is not None:
            self._turntable.renew(recipe.id)  # its file is another than what was written
        self.published(recipe, path)
        for remark in remarks(recipe, job, self._rerolls):
            self._post(remark)
