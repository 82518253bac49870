"""Live play against the session's beat: its worker, the daemon's recording, real time."""

from __future__ import annotations

import pytest

from mula_daemon.engine.seam import ClipRequest, FrameKnobs
from mula_daemon.engine.tone import ToneEngine
from mula_daemon.live.recording import LiveRecording
from mula_daemon.tempo.timeline import Timeline
from support.live_worker import play_live

BPM = 240.0
BARS = 6


@pytest.mark.slow
@pytest.mark.clock
def test_a_beat_that_moves_while_it_plays_is_found_again_within_two_bars() -> None:
    engine = ToneEngine()
    engine.warm_up()
    per_bar = 4 * engine.info.frames_per_beat
    late_ns = 0
    lines: list[Timeline] = []

    def line(begin_ns: int) -> Timeline:
        lines.append(Timeline(BPM, 0.0, begin_ns + late_ns))
        return lines[-1]

    def move(count: int, recording: LiveRecording) -> None:
        nonlocal late_ns
        if count == per_bar:  # another program moves the beat by 30 ms
            late_ns = 30_000_000
            recording.retime()

    recording, _ = play_live(
        engine,
        ClipRequest("live1", ("techno",), (5,), bpm=BPM, endless=True),
        FrameKnobs(bpm=BPM),
        BARS * per_bar + 1,
        lead_ns=300_000_000,
        line=line,
        seen=move,
    )
    played = recording.played.since(0)
    off_ms = []
    for bar in range(BARS + 1):
        heard_ns = recording.heard_ns(bar * per_bar)
        assert heard_ns is not None
        beats = (lines[-1].beat_at(heard_ns) + 2) % 4 - 2
        off_ms.append(abs(beats) * 60_000 / BPM)
    assert off_ms[0] == pytest.approx(30, abs=1)
    assert all(off < 3 for off in off_ms[3:])
    tempi = [{one.frame.knobs.bpm for one in played[at : at + per_bar]} for at in (0, 4 * per_bar)]
    assert tempi == [{BPM}, {BPM}]
