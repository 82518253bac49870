"""What the ledger of a soak holds a daemon to."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mula_daemon.bench.soak.ledger import Ledger
from mula_daemon.clips.library import Library
from support.shelved_clips import put_clip


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library(tmp_path)
    made.prepare()
    return made


def announced(library: Library, *, frames: int = 96_000) -> Ledger:
    """One clip of two seconds at 48 kHz, of which ``frames`` were written."""
    files = put_clip(library, "abc")
    soundfile.write(files.wav, np.zeros((frames, 2), np.float32), 48_000)
    np.savez(files.codes, codes=np.zeros((4, 8), np.int32))
    ledger = Ledger()
    ledger.hear("/mula/clip", ("abc", str(files.wav), 120.0, 1, 1, 2.0, "job1"))
    return ledger


def test_a_clip_that_is_there_and_as_long_as_was_said_is_kept_promise(library: Library) -> None:
    assert announced(library).lost(library.folder) == []


def test_a_clip_that_is_shorter_than_was_said_is_lost(library: Library) -> None:
    (lost,) = announced(library, frames=95_000).lost(library.folder)
    assert lost.startswith("clip abc: 1.979")


@pytest.mark.parametrize("part", ["wav", "sidecar"])
def test_a_clip_without_its_sound_or_recipe_is_lost(library: Library, part: str) -> None:
    ledger = announced(library)
    (clip,) = library.clips()
    {"wav": clip.path, "sidecar": clip.sidecar}[part].unlink()
    (lost,) = ledger.lost(library.folder)
    assert lost.startswith("clip abc: it cannot be")


@pytest.mark.parametrize(
    ("state", "lost"), [("running", ["job j: it never ended"]), ("failed", []), ("done", [])]
)
def test_a_job_has_to_end_well_or_not(library: Library, state: str, lost: list[str]) -> None:
    ledger = Ledger()
    ledger.hear("/mula/job", ("j", "queued"))
    ledger.hear("/mula/job", ("j", state))
    assert ledger.lost(library.folder) == lost


@pytest.mark.parametrize(
    ("answer", "lost"),
    [(None, "no answer"), ({"state": "taken"}, "still taken"), ({"state": "done"}, "")],
    ids=["none", "open", "ended"],
)
def test_a_request_has_to_be_answered_to_its_end(
    library: Library, answer: dict[str, str] | None, lost: str
) -> None:
    ledger = Ledger(requests=["ask1"])
    answers = library.folder / ".mula" / "inbox" / "answers"
    answers.mkdir(parents=True)
    if answer is not None:
        (answers / "ask1.json").write_text(json.dumps(answer))
    assert all(lost in said for said in ledger.lost(library.folder))
    assert len(ledger.lost(library.folder)) == bool(lost)


@pytest.mark.parametrize(
    ("answer", "lost"),
    [
        (None, ["generate j: it was never answered"]),
        (("/mula/job", ("other", "queued")), ["job other: it never ended"]),
        (("/mula/error", ("/mula/live", "busy", "")), ["generate j: it was never answered"]),
        (("/mula/error", ("/mula/generate", "busy", "")), []),
        (("/mula/job", ("j", "failed")), []),
    ],
    ids=["none", "about another", "of another address", "refused", "failed"],
)
def test_a_job_that_was_asked_for_has_to_be_answered(
    library: Library, answer: tuple[str, tuple[str, ...]] | None, lost: list[str]
) -> None:
    ledger = Ledger()
    ledger.ask("j")
    if answer is not None:
        ledger.hear(*answer)
    assert set(lost) <= set(ledger.lost(library.folder))
    assert ledger.unanswered() == ([] if not lost else ["j"])


def test_an_answer_that_comes_too_late_is_none(library: Library) -> None:
    ledger = Ledger(within_s=-1.0)
    ledger.ask("j")
    ledger.hear("/mula/job", ("j", "done"))
    (lost,) = ledger.lost(library.folder)
    assert lost.startswith("generate j: answered after 0.0 s")
