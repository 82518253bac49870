"""Live play from an engine's worker to the daemon's recording, in real time, heard by nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from multiprocessing import Pipe
from time import perf_counter_ns

from mula_daemon.audio.speaker import Speaker
from mula_daemon.engine.messages import Abort, Ended, Quit, Run, Turn
from mula_daemon.engine.seam import AudioBlock, ClipRequest, Engine, Frame, FrameKnobs
from mula_daemon.engine.worker import Orders, _serve
from mula_daemon.jobs.queue import Job
from mula_daemon.live.recording import LiveRecording
from mula_daemon.tempo.timeline import Timeline

FramesSeen = Callable[[int, LiveRecording], None]


def play_live(
    engine: Engine,
    request: ClipRequest,
    knobs: FrameKnobs,
    frames: int,
    *,
    lead_ns: int,
    line: Callable[[int], Timeline | None] = lambda begin_ns: None,
    seen: FramesSeen = lambda count, recording: None,
) -> tuple[LiveRecording, list[Frame]]:
    """Play so many frames of a warm engine; what was kept of them, and they.

    ``line`` gives the bars to keep to, from when the first frame is heard; ``seen`` is called
    after each frame with their number.
    """
    ours, theirs = Pipe()
    worker = threading.Thread(target=_serve, args=(Orders(theirs), engine), daemon=True)
    worker.start()
    speaker = Speaker()
    speaker.feeder.start()
    ours.send(Turn(knobs))
    begin_ns = perf_counter_ns() + lead_ns + 100_000_000
    recording = LiveRecording(
        Job(request, {}),
        engine.info,
        speaker,
        ours.send,
        at_ns=begin_ns,
        lead_ns=lead_ns,
        line=lambda: line(begin_ns),
    )
    ours.send(Run(request))
    made: list[Frame] = []
    try:
        while not isinstance(item := ours.recv(), Ended):
            if isinstance(item, Frame):
                made.append(item)
                recording.frame(item)
                seen(len(made), recording)
                if len(made) == frames:
                    ours.send(Abort(request.job))
            elif isinstance(item, AudioBlock):
                recording.audio(item)
    finally:
        recording.abandon("")
        speaker.feeder.stop()
        ours.send(Quit())
        worker.join(10)
    return recording, made
