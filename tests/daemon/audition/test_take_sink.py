"""A take that is heard while it is written: nothing is late, and the engine is held back."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import pytest

from mula_bridge.control.messages.reports import Notice
from mula_bridge.control.messages.states import Playing
from mula_daemon.audio.speaker import Speaker
from mula_daemon.audition import take_sink as take_sink_module
from mula_daemon.audition.events import TakeAudible
from mula_daemon.audition.take_sink import TakeSink
from mula_daemon.clips.take import Abandoned
from mula_daemon.engine.seam import AudioBlock
from support.decks import Following, quiet, turning, until
from support.takes import FINISHED, blocks, make_take, noise


def test_a_take_is_heard_from_its_first_block_on_and_to_its_end(tmp_path: Path) -> None:
    with turning(tmp_path) as (turntable, failures):
        news = Following(turntable)
        sink, take = TakeSink(turntable, news), make_take(bpm=120.0, beats_per_bar=2)
        sink.open(take)
        assert news.heard == [("opened", take.id)]
        sound = noise(take.samples)
        sink.write(sound[:9000])
        until(turntable, Playing.PLAYING)
        for block in blocks(sound[9000:], 4800):
            sink.write(block)
        sink.close(FINISHED)
        until(turntable, Playing.STOPPED)
        assert news.heard == [("opened", take.id), ("audible", take.id)]
        assert failures == []


def test_the_writer_waits_while_it_is_far_ahead_of_the_ear_and_stop_lets_it_go(
    tmp_path: Path,
) -> None:
    with turning(tmp_path) as (turntable, _):
        sink = TakeSink(turntable, Following(turntable), lead=0.2)
        take = make_take(bpm=20.0)  # three seconds
        sink.open(take)
        threading.Timer(0.7, turntable.stop).start()
        began = monotonic()
        for number, block in enumerate(blocks(noise(take.samples), 4800)):
            sink.write(block)
            if not number:
                until(turntable, Playing.PLAYING)
        assert 0.3 < monotonic() - began < 2.4
        sink.close(FINISHED)


def test_nobody_waits_for_a_take_that_is_not_heard(tmp_path: Path) -> None:
    with turning(tmp_path) as (turntable, _):
        one, other = TakeSink(turntable, Following(turntable)), make_take(id="other", bpm=6.0)
        one.open(make_take(id="first", bpm=60.0))
        one.write(noise(4800))
        until(turntable, Playing.PLAYING)
        sink = TakeSink(turntable, quiet)
        sink.open(other)
        sound = noise(other.samples)
        began = monotonic()
        sink.write(sound)
        assert monotonic() - began < 1.0
        sink.close(FINISHED)
        one.close(Abandoned("cancelled"))


def test_a_take_that_is_given_up_fades_out_and_is_forgotten(tmp_path: Path) -> None:
    with turning(tmp_path) as (turntable, failures):
        news = Following(turntable)
        sink, take = TakeSink(turntable, news), make_take(bpm=20.0)
        sink.open(take)
        sink.write(noise(9000))
        until(turntable, Playing.PLAYING)
        sink.release()
        sink.write(noise(60_000))
        sink.close(Abandoned("cancelled"))
        until(turntable, Playing.STOPPED)
        assert news.heard[-1] == ("gone", take.id)
        assert turntable.voice_of(take.id) is None
        news(TakeAudible(take))
        sleep(0.1)
        assert [clip for clip, _ in failures] == [take.id]


def test_takes_that_follow_each_other_begin_where_the_one_before_ends(tmp_path: Path) -> None:
    with turning(tmp_path) as (turntable, _):
        news = Following(turntable, behind=True)
        first, second = make_take(id="first"), make_take(id="second", bpm=60.0)
        for take in (first, second):
            sink = TakeSink(turntable, news)
            sink.open(take)
            sink.write(noise(take.samples))
            sink.close(FINISHED)
        until(turntable, Playing.WAITING)
        until(turntable, Playing.PLAYING)
        assert turntable.voice_of("second") is not None


def test_what_memory_has_no_room_for_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mula_daemon.audition.Turntable.memory_bytes", 1000)
    with turning(tmp_path) as (turntable, _):
        news = Following(turntable)
        for number in range(2):
            take = make_take(id=f"take{number}")
            sink = TakeSink(turntable, news)
            sink.open(take)
            sink.write(noise(take.samples // 2))
        assert news.heard == [
            ("opened", "take0"), ("audible", "take0"), ("opened", "take1"),
        ]  # fmt: skip


def test_a_loop_is_heard_with_its_seam_mended_as_it_is_in_the_file(tmp_path: Path) -> None:
    with turning(tmp_path) as (turntable, _):
        sink, take = TakeSink(turntable, quiet), make_take()
        sound, seam = noise(take.samples), noise(500, seed=7)
        sink.open(take)
        sink.write(sound)
        sink.close(replace(FINISHED, seam=(AudioBlock("job1", 0, seam, at=100),)))
        tape = turntable._tapes[take.id]
        np.testing.assert_array_equal(tape.frames(100, 500), seam)
        np.testing.assert_array_equal(tape.frames(600, take.samples), sound[600:])


class Noting(Following):
    """Keeps what is remarked, too."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.notices: list[Notice] = []

    def __call__(self, event: object) -> None:
        if isinstance(event, Notice):
            self.notices.append(event)
        super().__call__(event)


def test_a_speaker_that_is_dead_holds_no_take_back_and_is_told_of_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take_sink_module, "STILL_SECONDS", 0.1)
    with turning(tmp_path) as (turntable, _):
        news, take = Noting(turntable), make_take(bpm=20.0)  # three seconds
        sink = TakeSink(turntable, news, lead=0.1)
        sink.open(take)
        sink.write(noise(3000))
        until(turntable, Playing.PLAYING)
        speaker = turntable._speaker
        assert isinstance(speaker, Speaker)
        speaker.feeder.stop()
        began = monotonic()
        for block in blocks(noise(take.samples - 3000), 4800):
            sink.write(block)
        assert monotonic() - began < 1.5
        assert turntable._tapes[take.id].whole
        sink.close(FINISHED)
        [notice] = news.notices
        assert notice.job == take.request.job
        assert "restart mula run" in notice.text


def test_a_take_that_waits_for_its_turn_is_held_back_for_as_long_as_the_speaker_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take_sink_module, "STILL_SECONDS", 0.1)
    with turning(tmp_path) as (turntable, _):
        first, second = make_take(id="first", bpm=20.0), make_take(id="second", bpm=20.0)
        news = Noting(turntable, behind=True)
        one, other = TakeSink(turntable, news), TakeSink(turntable, news, lead=0.1)
        one.open(first)
        one.write(noise(first.samples))
        until(turntable, Playing.PLAYING)
        other.open(second)
        other.write(noise(3000))
        end = monotonic() + 5
        while turntable.voice_of("second") is None:
            assert monotonic() < end
            sleep(0.003)
        writer = threading.Thread(target=other.write, args=(noise(9000),))
        writer.start()
        writer.join(0.3)
        assert writer.is_alive()
        other.release()
        writer.join(5)
        assert not writer.is_alive()
        assert news.notices == []


def test_without_memory_for_its_sound_a_take_is_written_unheard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr(take_sink_module, "Tape", full)
    with turning(tmp_path) as (turntable, _):
        sink, take = TakeSink(turntable, quiet), make_take()
        sink.open(take)
        sink.write(noise(take.samples))
        sink.close(FINISHED)
        assert turntable.voice_of(take.id) is None
