"""Who hears of a clip, and in which order."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from mula_bridge.control.messages.reports import ClipReady
from mula_daemon.app.takes import Takes
from mula_daemon.audition.events import ClipComplete
from mula_daemon.clips.catalogue import Catalogue
from mula_daemon.clips.library import Library
from mula_daemon.settings.choices import Layout
from support.decks import turning
from support.shelved_clips import RECIPE


def test_the_deck_hears_of_a_clip_before_anybody_else(tmp_path: Path) -> None:
    """Of captured ones too, of which it has not seen the beginning."""
    heard: list[object] = []
    with turning(tmp_path) as (turntable, _):
        takes = Takes(Catalogue(Library(tmp_path)), Layout.FLAT, turntable, heard.append)
        recipe = replace(RECIPE, id="clip00")
        takes.published(recipe, tmp_path / "clip_clip00.wav")
    first, second = heard
    assert first == ClipComplete(recipe)
    assert isinstance(second, ClipReady)
    assert (second.id, second.path) == ("clip00", str(tmp_path / "clip_clip00.wav"))
