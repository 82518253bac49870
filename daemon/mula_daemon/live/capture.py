"""Keeps bars that were just heard as a clip like any other, while the music goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Final

import numpy as np

from mula_bridge.control import Errands, KnobValue
from mula_bridge.control.messages import DAEMON, Failed, Origin
from mula_bridge.errors import MulaError
from mula_daemon.audio import Samples
from mula_daemon.clips import Abandoned, Catalogue, Finished, FolderSink, Parent, Recipe, Take
from mula_daemon.engine import EngineInfo, Texts
from mula_daemon.jobs import Job, KnobTimeline, frame_values
from mula_daemon.live.played import Stretch
from mula_daemon.session import Outcome

BEND_SECONDS: Final = 0.005

_log = logging.getLogger(__name__)

Published = Callable[[Recipe, Path], None]


def take_of(stretch: Stretch, job: Job, engine: EngineInfo, texts: Texts, clip_id: str) -> Take:
    """The stretch as a take: its request is that of live play, with the tempo it was played at.

    Where the tempo moved it is the mean one, which makes the clip as long as it was heard.
    """
    request, rate = job.request, engine.sample_rate
    bars, bpm = stretch.bars, stretch.bpm
    if bpm is None:
        tempi = {frame.frame.knobs.bpm or request.bpm for frame in stretch.frames}
        beats = bars * request.beats_per_bar
        bpm = tempi.pop() if len(tempi) == 1 else beats * 60 * rate / stretch.length
    request = replace(
        request,
        bpm=bpm,
        bars=bars,
        endless=False,
        tags=texts.tags,
        tags_b=texts.tags_b,
        lyrics=texts.lyrics,
    )
    knobs: dict[str, KnobValue] = {**job.knobs, "bpm": bpm, "bars": bars}
    return Take(
        clip_id, 0, request, engine, {**knobs, **frame_values(stretch.frames[0].frame.knobs)}
    )


def outcome_of(stretch: Stretch, texts: Texts) -> Finished:
    """Its codes, and the knobs and texts it was sampled with, frames counted from its own first."""
    timeline = KnobTimeline(texts)
    for index, played in enumerate(stretch.frames):
        # What came into force with the first frame is what it begins with.
        knobs = played.frame.knobs
        timeline.add(index, replace(knobs, texts=None) if index == 0 else knobs)
    codes = tuple(played.frame.codes[0] for played in stretch.frames)
    return Finished(codes, timeline.initial, tuple(timeline.changes))


def bent(sound: Samples, sample_rate: int) -> Samples:
    """``sound`` [n, channels] whose last milliseconds lead to where it begins.

    Bars are cut out of music that went on, so the first sample knows nothing of the last
    one, and a loop of them would click.
    """
    length = min(len(sound), round(BEND_SECONDS * sample_rate))
    closed = sound.copy()
    ramp = np.linspace(0.0, 1.0, length, dtype=np.float32)[:, np.newaxis]
    closed[len(sound) - length :] += ramp * (sound[0] - sound[-1])
    return closed


class Capturer:
    """Publishes stretches one after another, on ``writer``'s thread. Any thread may ask."""

    def __init__(
        self,
        catalogue: Catalogue,
        writer: Errands,
        place: Callable[[str], PurePath],
        published: Published,
        failed: Callable[[Outcome], None],
    ) -> None:
        """``place`` gives the subfolder of a job's clips; ``published`` and ``failed`` are called
        on the writer's thread."""
        self._catalogue = catalogue
        self._writer = writer
        self._place = place
        self._published = published
        self._failed = failed

    def keep(
        self, stretch: Stretch, job: Job, engine: EngineInfo, texts: Texts, origin: Origin = DAEMON
    ) -> None:
        """Publish ``stretch`` soon; ``texts`` are those its first frame was sampled with.
        ``origin`` asked for it, and hears of it if that fails."""

        def publish() -> None:
            try:
                self._publish(stretch, job, engine, texts)
            except MulaError as error:
                failed = Failed("/mula/capture", error.code, str(error))
            except Exception as error:  # whoever asked has to know that the bars are lost
                _log.exception("a capture of %s could not be kept", job.id)
                words = f"the bars could not be kept ({error!r}); see the daemon's log"
                failed = Failed("/mula/capture", "internal", words)
            else:
                return
            self._failed(Outcome(failed, origin))

        self._writer.do(publish)

    def _publish(self, stretch: Stretch, job: Job, engine: EngineInfo, texts: Texts) -> None:
        take = take_of(stretch, job, engine, texts, self._catalogue.new_id())
        parent = Parent(job.id, stretch.frames[0].frame.index)
        sink = FolderSink(
            self._catalogue.folder,
            place=self._place(job.id),
            parent=parent,
            published=self._published,
        )
        sink.open(take)
        try:
            # The engine's own channels: a mono engine is heard on both sides.
            sound = stretch.samples(take.samples)[:, : engine.channels]
            sink.write(bent(sound, engine.sample_rate))
            sink.close(outcome_of(stretch, texts))
        except BaseException:
            sink.close(Abandoned("it could not be written"))
            raise
