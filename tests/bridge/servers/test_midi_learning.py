"""Learning from the first touch to the file, and to the reason where there is nothing to learn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter_ns, sleep

import pytest

from mula_bridge.bindings.learn import Learner
from mula_bridge.control.messages.commands import SetKnob
from mula_bridge.control.messages.reports import Failed, KnobLearnt
from mula_bridge.errors import UnknownName
from mula_bridge.mapping.file import load_mapping
from mula_bridge.mapping.model import Mapping
from mula_bridge.midi.reader import Heard
from mula_bridge.servers.midi import MidiSource
from mula_bridge.servers.midi_learning import LEARN, MidiLearning
from support.local_ports import local
from support.midi_box import Commands, eventually


class Box:
    """A Backend with one port that one can listen to."""

    heard: Heard

    def inputs(self) -> list[str]:
        return ["Box 1"]

    def outputs(self) -> list[str]:
        return []

    def listen(self, name: str, heard: Heard) -> Box:
        self.heard = heard
        return self

    def speak(self, name: str) -> Box:
        raise AssertionError(f"{name} shows nothing")

    def send(self, data: bytes) -> None: ...

    def lost(self) -> str:
        return ""

    def close(self) -> None: ...

    def say(self, *data: int) -> None:
        self.heard(bytes(data), perf_counter_ns())


@contextmanager
def learning(file: Path) -> Iterator[tuple[MidiLearning, Box, list[Failed | KnobLearnt], Commands]]:
    box, posted, emit = Box(), list[Failed | KnobLearnt](), Commands()
    source = MidiSource(Mapping(), failed=posted.append, ports=local(lambda: box, 0.01))
    source.start(emit)
    try:
        yield (
            MidiLearning(source, file, lambda: source.reload(load_mapping([file])), posted.append),
            box,
            posted,
            emit,
        )
    finally:
        source.stop()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mula_bridge.bindings.learn.REST_NS", 100_000_000)


def test_what_is_touched_moves_its_knob_once_the_hand_has_come_to_rest(tmp_path: Path) -> None:
    file = tmp_path / "learnt.yaml"
    with learning(file) as (learner, box, posted, emit):
        learner.learn("morph")
        eventually(lambda: hasattr(box, "heard"))
        for value in (*range(100, 2, -7), 2, *range(10, 124, 7), 124):
            box.say(0xB0, 7, value)
        eventually(lambda: posted)
        assert posted == [KnobLearnt("morph", "cc 7, ends [2, 124], channel 1 of Box*")]
        box.say(0xB0, 7, 124)
        box.say(0xB0, 7, 2)
        eventually(lambda: len(emit.commands) == 2)
        assert emit.commands == [SetKnob("morph", share, norm=True) for share in (1.0, 0.0)]


def test_when_nothing_can_be_learnt_the_reason_is_told_and_knobs_move_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mula_bridge.bindings.learn.GIVE_UP_NS", 300_000_000)
    with learning(tmp_path / "learnt.yaml") as (learner, box, posted, _):
        learner.learn("morph")
        eventually(lambda: hasattr(box, "heard"))
        box.say(0xB0, 123, 0)
        box.say(0xB0, 7, 63)
        eventually(lambda: len(posted) == 2)
        refused, ended = posted
        assert isinstance(refused, Failed) and isinstance(ended, Failed)
        assert (refused.address, ended.address, ended.code) == ("midi", LEARN, "learn")
        assert "cc 123 is not for knobs" in refused.text
        assert "cc 7 on channel 1 sent only 63" in ended.text
    assert not (tmp_path / "learnt.yaml").exists()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    file = tmp_path / "learnt.yaml"
    file.mkdir()
    with learning(file) as (learner, box, posted, _):
        learner.learn("morph")
        eventually(lambda: hasattr(box, "heard"))
        for value in (127, 0):
            box.say(0xB0, 7, value)
        eventually(lambda: posted)
        (failed,) = posted
        assert isinstance(failed, Failed)
        assert failed.address == LEARN
        assert failed.text.startswith(f"{file}: ")


def test_a_fault_in_learning_ends_it_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(learner: Learner, now_ns: int) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Learner, "due", fail)
    with learning(tmp_path / "learnt.yaml") as (learner, box, posted, _):
        learner.learn("morph")
        eventually(lambda: len(posted) == 2)
        failures = [one for one in posted if isinstance(one, Failed)]
        assert [one.address for one in failures] == ["midi", LEARN]
        assert all("a bug" in one.text for one in failures)
        eventually(lambda: hasattr(box, "heard"))
        sleep(0.3)  # it would fail again with each look
        assert len(posted) == 2


def test_a_fault_in_keeping_is_an_end_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("mula_bridge.servers.midi_learning.write_learnt", fail)
    with learning(tmp_path / "learnt.yaml") as (learner, box, posted, _):
        learner.learn("morph")
        eventually(lambda: hasattr(box, "heard"))
        for value in (127, 0):
            box.say(0xB0, 7, value)
        eventually(lambda: posted)
        assert isinstance(posted[0], Failed)
        assert posted[0].address == LEARN
        assert "learnt.yaml was not written: ZeroDivisionError" in posted[0].text


def test_what_was_to_be_learnt_before_is_forgotten_by_what_is_to_be_learnt_now(
    tmp_path: Path,
) -> None:
    with learning(tmp_path / "learnt.yaml") as (learner, box, posted, _):
        for knob in ("cfg", "morph"):
            learner.learn(knob)
        eventually(lambda: hasattr(box, "heard"))
        for value in (127, 0):
            box.say(0xB0, 7, value)
        eventually(lambda: posted)
        assert [one.name for one in posted if isinstance(one, KnobLearnt)] == ["morph"]
        assert len(posted) == 1


def test_a_knob_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    with learning(tmp_path / "learnt.yaml") as (learner, *_), pytest.raises(UnknownName):
        learner.learn("morf")
