"""Clips from the folder: read, placed on their beat, and replaced by one another."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter_ns, sleep

import numpy as np
import pytest
import soundfile

from mula_bridge.control.messages.states import Playing
from mula_bridge.control.service import Errands
from mula_daemon.audio.levels import to_gain
from mula_daemon.audio.samples import Samples
from mula_daemon.audio.voice import Voice
from mula_daemon.audition.clip_voice import ClipVoice
from mula_daemon.audition.events import ClipUnplayable
from mula_daemon.audition.turntable import Start, Turntable
from mula_daemon.clips.library import Library
from mula_daemon.tempo.timeline import Timeline
from support.decks import turning, until
from support.shelved_clips import put_clip
from support.takes import noise

RATE = 44_100


class FakeSpeaker:
    """A speaker that only notes what it is told."""

    def __init__(self) -> None:
        self.plays: list[tuple[ClipVoice, int | None, bool]] = []
        self.stops = 0

    def play(self, voice: Voice, at_ns: int | None = None, *, fade_in: bool = False) -> None:
        assert isinstance(voice, ClipVoice)
        if self.plays:
            self.plays[-1][0].retire()
        self.plays.append((voice, at_ns, fade_in))

    def follow(self, voice: Voice) -> None:
        self.play(voice)

    def stop(self, voice: Voice | None = None) -> None:
        self.stops += 1
        self.plays[-1][0].retire()


class Rig:
    def __init__(self, folder: Path, timeline: Timeline | None = None) -> None:
        self.library = Library(folder)
        self.library.prepare()
        self.speaker = FakeSpeaker()
        self.failures: list[tuple[str, str]] = []
        line = timeline or Timeline()
        self.reader = Errands("reader", drop=True)
        self.reader.start()
        self.turntable = Turntable(self.speaker, self.library, self.reader, lambda: line, self.post)

    def post(self, event: object) -> None:
        if isinstance(event, ClipUnplayable):
            self.failures.append((event.clip, event.reason))

    def land(self, clip: str, frames: int = RATE) -> Samples:
        """A clip of a second, 120 BPM."""
        sound = noise(frames)
        soundfile.write(put_clip(self.library, clip).wav, sound, RATE, subtype="FLOAT")
        return sound

    def play(self, start: Start) -> ClipVoice:
        before = len(self.speaker.plays)
        self.turntable.play(start)
        for _ in range(1000):
            if len(self.speaker.plays) > before:
                return self.speaker.plays[-1][0]
            sleep(0.005)
        raise AssertionError(self.failures)


def test_a_clip_of_the_folder_is_heard_as_it_is_in_its_file(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    sound = rig.land("aaaaaa")
    voice = rig.play(Start("aaaaaa", 120.0, loop=True))
    assert rig.speaker.plays[-1][1:] == (None, False)
    np.testing.assert_array_equal(voice.read(1000, 0), sound[:1000])
    assert voice.rate == RATE and voice.loop
    assert rig.turntable.state(0)[0] is Playing.PLAYING


def test_it_begins_on_the_next_multiple_of_the_quantum(tmp_path: Path) -> None:
    line = Timeline(bpm=600.0, at_ns=perf_counter_ns())
    rig = Rig(tmp_path, line)
    rig.land("aaaaaa")
    asked = perf_counter_ns()
    rig.play(Start("aaaaaa", 120.0, quantum=4))
    at_ns = rig.speaker.plays[-1][1]
    assert at_ns is not None and at_ns > asked + 90_000_000
    assert line.beat_at(at_ns) % 4 == pytest.approx(0, abs=1e-3)
    assert rig.turntable.state(0)[0] is Playing.WAITING


def test_a_b_begins_at_the_place_where_the_other_one_is(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.land("aaaaaa")
    sound = rig.land("bbbbbb")
    rig.play(Start("aaaaaa", 120.0, loop=True)).read(100, perf_counter_ns())
    sleep(0.05)
    voice = rig.play(Start("bbbbbb", 120.0, loop=True, gain_db=-6.0, join=True))
    assert rig.speaker.plays[-1][2]
    now = perf_counter_ns()
    beat = voice.place(now)[0]
    heard = voice.read(500, now)
    looped = np.concatenate([sound, sound]) * np.float32(to_gain(-6.0))
    places = [
        place
        for place in np.flatnonzero(np.isclose(looped[:RATE, 0], heard[0, 0], rtol=1e-5))
        if np.allclose(looped[place : place + 500], heard, rtol=1e-5)
    ]
    assert len(places) == 1 and places[0] > 0.04 * RATE and beat == 0.0


def test_of_several_in_a_row_only_the_last_is_heard(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    for clip in ("aaaaaa", "bbbbbb", "cccccc"):
        rig.land(clip)
    for _ in range(20):
        rig.turntable.play(Start("aaaaaa", 120.0))
        rig.turntable.play(Start("bbbbbb", 120.0))
    rig.play(Start("cccccc", 120.0))
    sleep(0.05)
    assert rig.turntable.voice_of("cccccc") is rig.speaker.plays[-1][0]
    assert len(rig.speaker.plays) < 41


def test_loop_gain_and_stop_reach_what_plays(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.turntable.set_loop(True)  # nothing plays: nothing happens
    rig.turntable.set_gain(-3.0)
    rig.turntable.stop()
    assert not rig.speaker.stops
    rig.land("aaaaaa")
    voice = rig.play(Start("aaaaaa", 120.0))
    rig.turntable.set_loop(True)
    rig.turntable.set_gain(-3.0)
    assert (voice.loop, voice.gain.decibels) == (True, -3.0)
    rig.turntable.stop()
    assert rig.speaker.stops == 1
    assert rig.turntable.state(0) == (Playing.STOPPED, 0.0)


def test_a_clip_that_was_moved_meanwhile_is_heard_from_memory(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.land("aaaaaa")
    rig.play(Start("aaaaaa", 120.0))
    rig.library.find("aaaaaa").path.unlink()
    rig.play(Start("aaaaaa", 120.0))
    assert rig.failures == []


def test_what_cannot_be_played_is_said_and_nothing_changes(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.land("aaaaaa")
    playing = rig.play(Start("aaaaaa", 120.0, loop=True))
    playing.read(10, 0)
    put_clip(rig.library, "broken")
    rig.land("empty0", 0)
    for clip, words in (
        ("broken", "cannot be read"), ("empty0", "no sound"), ("nowhere", "unknown clip")
    ):  # fmt: skip
        rig.turntable.play(Start(clip, 120.0))
        for _ in range(400):
            if clip in dict(rig.failures):
                break
            sleep(0.005)
        assert words in dict(rig.failures)[clip]
    assert rig.turntable.state(0)[0] is Playing.PLAYING


def test_memory_is_kept_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Turntable, "memory_bytes", 3 * RATE * 8)
    rig = Rig(tmp_path)
    for number in range(6):
        rig.land(f"clip0{number}")
        rig.play(Start(f"clip0{number}", 120.0))
    assert list(rig.turntable._tapes) == ["clip03", "clip04", "clip05"]


def test_on_the_real_speaker_one_clip_gives_way_to_another_and_ends(tmp_path: Path) -> None:
    with turning(tmp_path) as (turntable, failures):
        library = Library(tmp_path)
        for clip in ("aaaaaa", "bbbbbb"):
            soundfile.write(put_clip(library, clip).wav, noise(24_000), 48_000)
        turntable.play(Start("aaaaaa", 120.0, loop=True))
        until(turntable, Playing.PLAYING)
        sleep(0.6)
        assert until(turntable, Playing.PLAYING) <= 1.0  # it went round
        turntable.play(Start("bbbbbb", 120.0))
        until(turntable, Playing.STOPPED)
        assert failures == []
