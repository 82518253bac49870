"""A running job's recording: its frames, its takes, and the sinks they go to.

Lives on the engine host's reader thread from its first event to its last.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from mula_bridge.control import FRAME_KNOBS
from mula_daemon.clips import Abandoned, Change, Finished, Outcome, Sink, StemSink, Take
from mula_daemon.engine import NO_TEXTS, AudioBlock, Frame, FrameKnobs, Texts, Timing

_log = logging.getLogger(__name__)


class KnobTimeline:
    """The knobs a performance was sampled with: those of frame 0, then what moved.

    Texts that came into force after those it began with, ``texts``, are changes like any other.
    """

    def __init__(self, texts: Texts = NO_TEXTS) -> None:
        self._texts = texts.parts()
        self.initial: dict[str, float] = {}
        self.changes: list[Change] = []
        self._last: dict[str, float] = {}

    def add(self, index: int, knobs: FrameKnobs) -> None:
        """Note the knobs of frame ``index``; frames come in order from 0."""
        now = frame_values(knobs)
        if not self.initial:
            self.initial = now
        else:
            moved = [(index, name, now[name]) for name in now if now[name] != self._last[name]]
            self.changes.extend(moved)
        self._last = now
        if knobs.texts is not None:
            self._reword(index, knobs.texts.parts())

    def _reword(self, index: int, texts: dict[str, str]) -> None:
        self.changes.extend(
            (index, name, text) for name, text in texts.items() if text != self._texts[name]
        )
        self._texts = texts


def frame_values(knobs: FrameKnobs) -> dict[str, float]:
    """The frame knobs by name, without their revision."""
    return {name: getattr(knobs, name) for name in FRAME_KNOBS}


class Recording:
    """Feeds the sinks of every take of one job. Engine reader thread only, but for release.

    ``sinks[i]`` are the sinks of take i. The first error of a sink abandons the
    whole job: the error is raised from the call that met it.
    """

    def __init__(self, takes: Sequence[Take], sinks: Sequence[Sequence[Sink]]) -> None:
        self.takes: Final = tuple(takes)
        self._sinks: Final = tuple(tuple(row) for row in sinks)
        self._timeline = KnobTimeline(takes[0].request.texts if takes else NO_TEXTS)
        self._codes: list[list[tuple[int, ...]]] = [[] for _ in takes]
        self._seams: list[list[AudioBlock]] = [[] for _ in takes]
        self._open: list[Sink] = []
        self._started = False

    def frame(self, frame: Frame) -> None:
        """Note one frame's codes and knobs."""
        self._start()
        self._timeline.add(frame.index, frame.knobs)
        for codes, new in zip(self._codes, frame.codes, strict=True):
            codes.append(new)

    def audio(self, block: AudioBlock) -> None:
        """Write one block to the sinks of its take; blocks while one of them is full."""
        self._start()
        if block.at is not None:
            self._seams[block.take].append(block)
            return
        for sink in self._sinks[block.take]:
            sink.write(block.samples)
            if block.stems is not None and isinstance(sink, StemSink):
                sink.write_stems(block.stems)

    def timing(self, timing: Timing) -> None:
        """A clip is made as soon as it can be, however long that takes."""

    def release(self) -> None:
        """Let every sink go on that holds the engine back; from any thread."""
        for sinks in self._sinks:
            for sink in sinks:
                sink.release()

    def finish(self) -> None:
        """Close every sink as finished: clips are published here."""
        self._start()
        for take, sinks in enumerate(self._sinks):
            outcome = Finished(
                tuple(self._codes[take]),
                self._timeline.initial,
                tuple(self._timeline.changes),
                tuple(self._seams[take]),
            )
            for sink in sinks:
                self._close(sink, outcome)

    def abandon(self, reason: str) -> None:
        """Close every open sink, leaving nothing of the takes. Never raises."""
        for sink in list(self._open):
            try:
                self._close(sink, Abandoned(reason))
            except Exception:  # the reason given is the one to report, not what follows from it
                _log.exception("a take could not be abandoned")

    def _close(self, sink: Sink, outcome: Outcome) -> None:
        self._open.remove(sink)
        sink.close(outcome)

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        for take, sinks in zip(self.takes, self._sinks, strict=True):
            for sink in sinks:
                sink.open(take)
                self._open.append(sink)
