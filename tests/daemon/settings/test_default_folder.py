"""Where clips go when nobody says, on each system and for each DAW."""

from __future__ import annotations

import platform
from pathlib import Path

import platformdirs
import pytest

from mula_daemon.settings.choices import Daw
from mula_daemon.settings.default_folder import default_folder


@pytest.mark.parametrize(
    ("system", "live"),
    [("Darwin", "Music/Ableton/User Library"), ("Windows", "Documents/Ableton/User Library")],
)
def test_the_default_folder_is_in_lives_user_library_if_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, live: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platformdirs, "user_music_path", lambda: tmp_path / "Music")
    monkeypatch.setattr(platformdirs, "user_documents_path", lambda: tmp_path / "Documents")
    assert default_folder().folder == tmp_path / "Music" / "mulabridge"
    (tmp_path / live).mkdir(parents=True)
    assert default_folder().folder == tmp_path / live / "Samples" / "mulabridge"


def test_on_linux_the_default_folder_is_in_the_users_music_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setenv("XDG_MUSIC_DIR", str(tmp_path / "Musik"))
    assert default_folder().folder == tmp_path / "Musik" / "mulabridge"


def test_live_is_not_asked_when_another_daw_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platformdirs, "user_music_path", lambda: tmp_path)
    (tmp_path / "Ableton" / "User Library").mkdir(parents=True)
    assert "Ableton" in str(default_folder(Daw.LIVE).folder)
    for daw in (Daw.REAPER, Daw.NONE):
        assert default_folder(daw).folder == tmp_path / "mulabridge"


def test_a_live_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    assert "was not found" in default_folder(Daw.LIVE).why
