"""Presets that are saved by commands, while their worker cannot keep up or cannot write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue

import pytest

from mula_bridge.control.knobs import Effect
from mula_bridge.control.messages.commands import SavePreset, SetKnob, SetTags
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import (
    Failed,
    PresetSaved,
    PresetsChanged,
    Report,
    TagsChanged,
)
from mula_bridge.control.service import Errands
from mula_bridge.errors import Busy
from mula_daemon.audio.speaker import Speaker
from mula_daemon.engine.seam import EngineInfo, KnobRange
from mula_daemon.session import Mailbox, Publisher
from mula_daemon.steering.controls import Controls
from mula_daemon.steering.handler import PresetWritten, Steering
from mula_daemon.steering.preset_store import PresetStore
from mula_daemon.tempo.conductor import Conductor
from support.fakes import FakeHost

ALICE = Origin("osc", ("127.0.0.1", 1), address="/mula/preset/save")


class Posted(Mailbox):
    """A mailbox that the test empties."""

    def __init__(self) -> None:
        super().__init__()
        self.events: Queue[object] = Queue()

    def post(self, event: object) -> None:
        self.events.put(event)


class Rig:
    """A handler on a real file, with a worker that has room for one errand and waits."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.heard: list[tuple[Report, Origin | None]] = []
        self.mailbox, publisher = Posted(), Publisher()
        publisher.listen(self)
        self.files = Errands("files", limit=1)
        self.steering = Steering(
            Controls(lambda at: {}),
            PresetStore({}, file),
            self.files,
            self.mailbox,
            publisher.publish,
            FakeHost(),
            Conductor(),
            Speaker(),
        )

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        self.heard.append((report, to))

    def save(self, name: str, cfg: float) -> None:
        self.steering.handle(SetKnob("cfg", cfg), ALICE)
        self.steering.handle(SavePreset(name), ALICE)

    def settle(self) -> None:
        """Let the worker do what it has, and the handler hear of it."""
        self.files.start()
        self.files.stop(10)
        while not self.mailbox.events.empty():
            event = self.mailbox.events.get()
            assert isinstance(event, PresetWritten)
            self.steering.hear(event)

    def told(self, kind: type, to: Origin | None = ALICE) -> list[Report]:
        return [report for report, who in self.heard if isinstance(report, kind) and who == to]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "presets.json")
    yield rig
    rig.files.stop()


def test_what_is_told_as_saved_is_saved_also_when_the_next_save_was_refused(rig: Rig) -> None:
    rig.save("mine", 2.0)
    with pytest.raises(Busy):
        rig.save("mine", 3.0)
    rig.settle()
    assert rig.told(PresetSaved) == [PresetSaved("mine")]
    assert PresetStore({}, rig.file).presets()["mine"].knobs["cfg"] == 2.0


def test_who_asked_for_an_unknown_tag_before_the_engine_was_there_is_told(rig: Rig) -> None:
    rig.steering.handle(SetTags(("tekno", "dnb")), ALICE)
    knobs = {"cfg": KnobRange(0.0, 7.0, Effect.FRAME)}
    words = {"techno": "techno", "dnb": "drum and bass"}
    rig.steering.fit(EngineInfo("small", "1", 48_000, 2, "cpu", knobs, vocabulary=words))
    (failed,) = rig.told(Failed, None)
    assert isinstance(failed, Failed) and (failed.address, failed.code) == (
        "/mula/tags", "unknown_tag"
    )  # fmt: skip
    assert rig.told(TagsChanged, None)[-1] == TagsChanged(("drum and bass",))


def test_a_save_that_was_refused_leaves_no_name(rig: Rig) -> None:
    rig.save("mine", 2.0)
    with pytest.raises(Busy):
        rig.save("other", 3.0)
    assert rig.told(PresetsChanged, None) == [PresetsChanged(("mine",))]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), ValueError("a bug")], ids=repr)
def test_a_save_that_fails_is_told_and_gone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    replaced: Callable[..., None] = fail
    monkeypatch.setattr("mula_daemon.steering.preset_store.replace_text", replaced)
    rig.save("mine", 2.0)
    rig.settle()
    (failed,) = rig.told(Failed)
    assert isinstance(failed, Failed) and failed.address == ALICE.address
    assert rig.told(PresetSaved) == []
    assert rig.told(PresetsChanged, None)[-1] == PresetsChanged(())
