"""What the daemon's queues do when they are full, each as the table of bounds says."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter_ns

import numpy as np
import pytest

from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import Heard, JobChanged, Progress
from mula_bridge.control.messages.states import JobState, Status
from mula_bridge.control.presets import Preset
from mula_bridge.errors import BadInput, Busy, Unavailable
from mula_daemon.audio.mixer import MOST_FOLLOWING, MOST_ORDERS, Mixer
from mula_daemon.audio.speaker import Speaker
from mula_daemon.audition.deck import MOST_UNDOS, Card, Deck
from mula_daemon.cli.board import Board
from mula_daemon.engine.messages import EngineSpec
from mula_daemon.engine.process import EngineProcess
from mula_daemon.engine.seam import AudioBlock, ClipRequest, EngineInfo, Frame, FrameKnobs, Texts
from mula_daemon.jobs.queue import Job
from mula_daemon.live.played import Played
from mula_daemon.live.recording import MOST_SILENT, MOST_TEXTS, LiveRecording
from mula_daemon.live.trace import MOST_DUE, Punctual
from mula_daemon.live.voice import MOST_BLOCKS, LiveVoice
from mula_daemon.requests import folder as request_folder
from mula_daemon.requests.folder import MOST_HEARD, MOST_TAKEN, RequestFolder
from mula_daemon.steering.preset_store import MOST_PRESETS, PresetStore
from support.voices import ArrayVoice, flat

DUE_NS = 3_600_000_000_000
"""In an hour."""


def request() -> ClipRequest:
    return ClipRequest("live1", ("dark",), (7,), 120.0, 1, "Amin", endless=True)


def frame(index: int) -> Frame:
    codes = np.zeros((1, 1), np.int32)
    return Frame("live1", index, 0, codes, FrameKnobs(), perf_counter_ns())


def test_of_too_many_orders_the_speaker_does_the_newest() -> None:
    mixer = Mixer(48_000)
    for _ in range(MOST_ORDERS + 5):
        mixer.stop()
    last = ArrayVoice(flat(480))
    mixer.play(last)
    assert len(mixer._orders) == MOST_ORDERS
    mixer.render(48, 0, lambda frame: 0)
    assert mixer.voice is last


def test_of_too_many_voices_that_follow_the_last_is_retired_unheard() -> None:
    mixer = Mixer(48_000)
    mixer.play(ArrayVoice(flat(48_000)))
    voices = [ArrayVoice(flat(480)) for _ in range(MOST_FOLLOWING + 2)]
    for voice in voices:
        mixer.follow(voice)
    mixer.render(48, 0, lambda frame: 0)
    assert [voice.retired for voice in voices] == [False] * MOST_FOLLOWING + [True] * 2


def test_sound_that_nobody_plays_holds_its_writer_back_and_is_then_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mula_daemon.live.voice.HOLD_S", 0.02)
    voice = LiveVoice(48_000, lambda sample, at_ns: None)
    block = flat(10)
    for _ in range(MOST_BLOCKS):
        voice.write(block)
    began = perf_counter_ns()
    voice.write(block)
    assert perf_counter_ns() - began >= 20_000_000
    assert voice.written == 10 * MOST_BLOCKS
    voice.read(10, 0)
    voice.write(block)
    assert voice.written == 10 * (MOST_BLOCKS + 1)


def test_frames_whose_sound_does_not_come_end_the_job() -> None:
    engine = EngineInfo("mute", "1", 48_000, 2, "cpu", {}, frames_per_beat=4)
    playing = LiveRecording(
        Job(request(), {}), engine, Speaker(), lambda pace: None, at_ns=DUE_NS, lead_ns=0
    )
    for index in range(MOST_SILENT):
        playing.frame(frame(index))
    with pytest.raises(Unavailable, match="1024 frames without their sound"):
        playing.frame(frame(MOST_SILENT))
    playing.audio(AudioBlock("live1", 0, flat(480)))
    playing.frame(frame(MOST_SILENT))
    playing.abandon("")


def test_of_too_many_texts_of_live_play_the_newest_are_known() -> None:
    engine = EngineInfo("mute", "1", 48_000, 2, "cpu", {}, frames_per_beat=4)
    playing = LiveRecording(
        Job(request(), {}), engine, Speaker(), lambda pace: None, at_ns=DUE_NS, lead_ns=0
    )
    last = MOST_TEXTS + 10
    for index in range(last + 1):
        texts = Texts((f"tag{index}",), (), "")
        playing.frame(Frame("live1", index, 0, ((index,),), FrameKnobs(texts=texts), 0))
    assert playing.texts_at(last).tags == (f"tag{last}",)
    oldest = last - MOST_TEXTS + 1
    assert playing.texts_at(oldest).tags == (f"tag{oldest}",)
    assert playing.texts_at(0).tags == (f"tag{oldest}",)
    playing.abandon("")


def test_of_what_was_played_the_oldest_frames_are_forgotten() -> None:
    played = Played(16)
    for index in range(10_000):
        played.add(frame(index), flat(1))
    kept = played.since(0)
    assert kept[-1].frame.index == 9999
    assert len(kept) < 2000


def test_of_too_many_reports_that_are_due_later_the_soonest_is_forgotten() -> None:
    given: list[Heard] = []
    punctual = Punctual(given.append)
    for number in range(MOST_DUE + 1):
        punctual.hand(Heard("cfg", 1.0, 1.0, 1.0, number), perf_counter_ns() + DUE_NS + number)
    assert len(punctual._due) == MOST_DUE
    assert punctual._due[0][2].frame == 1


def test_of_too_many_judgements_the_oldest_cannot_be_taken_back() -> None:
    deck = Deck([Card("clip1", "job1", 0, ("dark",), 7, 120.0, 1, 4)])
    for number in range(MOST_UNDOS + 10):
        deck.judge(Status.KEPT if number % 2 == 0 else Status.NEW, "clip1")
    for _ in range(MOST_UNDOS):
        deck.undo()
    with pytest.raises(BadInput, match="there is no keep, reject or favourite to take back"):
        deck.undo()


def test_so_many_presets_are_kept_and_one_of_them_can_still_be_saved() -> None:
    store = PresetStore({})
    for number in range(MOST_PRESETS):
        store.put(f"mine {number}", Preset({}))
    with pytest.raises(Busy, match="512 presets are kept; save over one of them"):
        store.put("one more", Preset({}))
    store.put("mine 3", Preset({"cfg": 2.0}))
    assert store.presets()["mine 3"].knobs == {"cfg": 2.0}


def test_while_the_disk_is_away_an_inbox_leaves_progress_out_first(tmp_path: Path) -> None:
    inbox = RequestFolder(tmp_path, lambda command, origin=None: None)
    for folder in ("answers", "rejected"):
        (inbox.folder / folder).mkdir(parents=True)
    (inbox.folder / "one.json").write_text(
        json.dumps({"version": 1, "do": "generate", "id": "one"})
    )
    inbox.check()
    for number in range(2 * MOST_HEARD):
        inbox.report(Progress("one", number / (2 * MOST_HEARD)), to=None, but=None)
    inbox.report(JobChanged("one", JobState.DONE), to=None, but=None)
    assert len(inbox._heard) == MOST_HEARD
    inbox._write_answers()
    answer = json.loads((inbox.folder / "answers/one.json").read_text())
    assert answer["state"] == "done"


def test_of_too_many_requests_the_oldest_were_right(tmp_path: Path) -> None:
    taken: list[Origin] = []
    inbox = RequestFolder(tmp_path, lambda command, origin: taken.append(origin))
    for folder in ("answers", "rejected"):
        (inbox.folder / folder).mkdir(parents=True)
    for number in range(MOST_TAKEN + 3):
        (inbox.folder / f"{number:04}.json").write_text('{"version": 1, "do": "stop"}')
    inbox.check()
    assert len(taken) == MOST_TAKEN + 3
    assert len(inbox._taken) == MOST_TAKEN


def test_of_too_many_open_answers_the_oldest_is_written_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_folder, "MOST_OPEN", 3)
    inbox = RequestFolder(tmp_path, lambda command, origin: None)
    for folder in ("answers", "rejected"):
        (inbox.folder / folder).mkdir(parents=True)
    for number in range(4):
        asked = {"version": 1, "do": "generate", "id": f"job{number}"}
        (inbox.folder / f"{number}.json").write_text(json.dumps(asked))
        inbox.check()
    for number in range(4):
        inbox.report(JobChanged(f"job{number}", JobState.DONE), to=None, but=None)
    inbox._write_answers()
    said = [json.loads((inbox.folder / f"answers/job{n}.json").read_text()) for n in range(4)]
    assert [answer["state"] for answer in said] == ["taken", "done", "done", "done"]


def test_the_engine_is_told_the_newest_knobs_and_each_order_once() -> None:
    engine = EngineProcess(EngineSpec("tone"))
    for revision in range(10_000):
        engine.turn(FrameKnobs(revision=revision))
        engine.abort("job1")
    engine._ready = info = EngineInfo("tone", "1", 48_000, 2, "cpu", {})
    engine.run(request(), info)
    engine.run(request(), info)
    assert engine._knobs == FrameKnobs(revision=9999)
    assert len(engine._orders) == 2


def test_of_too_many_lines_the_newest_are_shown() -> None:
    board = Board()
    for number in range(1000):
        board.say(str(number))
    lines = board.take_lines()
    assert (len(lines), lines[-1]) == (200, "999")
