"""The note that says where the clips are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs
import pytest

from mula_daemon.clips.whereabouts import folder_note, note_folder


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "config" / "mulabridge"
    monkeypatch.setattr(platformdirs, "user_config_path", lambda *_, **__: folder)
    return folder


def test_the_note_holds_the_folder_of_the_daemon_that_started_last(tmp_path: Path) -> None:
    note_folder(tmp_path / "one")
    note_folder(tmp_path / "två")
    assert folder_note().read_text(encoding="utf-8") == f"{tmp_path / 'två'}\n"
    assert [path.name for path in folder_note().parent.iterdir()] == ["folder.txt"]


def test_a_config_folder_that_cannot_be_written_to_stops_nobody(
    tmp_path: Path, config: Path
) -> None:
    config.parent.write_text("a file where the folder should be")
    note_folder(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems spell names in Unicode")
def test_a_folder_whose_name_is_no_text_stops_nobody(tmp_path: Path) -> None:
    note_folder(tmp_path / os.fsdecode(b"\xff"))
    assert not folder_note().exists()
