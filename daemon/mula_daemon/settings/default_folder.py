"""Where clips go when nobody says: into the folder that the DAW at hand shows by itself."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mula_daemon.settings.choices import Daw

_NAME: Final = "mulabridge"


@dataclass(frozen=True, slots=True)
class Default:
    """A folder, and a sentence on why it was chosen."""

    folder: Path
    why: str


def live_user_library() -> Path | None:
    """Where Live has its User Library on this system, there or not; None: no Live for it.

    Live shows it in its browser and keeps it in step with the disk; Ableton's manual puts it
    at Music/Ableton/User Library (macOS) and Documents/Ableton/User Library (Windows).
    """
    import platformdirs

    above = {
        "Darwin": platformdirs.user_music_path,
        "Windows": platformdirs.user_documents_path,
    }.get(platform.system())
    return above() / "Ableton" / "User Library" if above else None


def default_folder(daw: Daw = Daw.AUTO) -> Default:
    """The folder for ``daw``; AUTO takes Live's if Live has been here.

    REAPER has no folder of its own: its scripts find the clips by our note.
    """
    import platformdirs

    music = platformdirs.user_music_path()
    live = live_user_library()
    if daw in (Daw.AUTO, Daw.LIVE) and live is not None and live.is_dir():
        why = "it is in Live's User Library, which Live's browser keeps in step with the disk"
        return Default(live / "Samples" / _NAME, why)
    plain = music / _NAME
    if daw is Daw.LIVE:
        why = f"Live's User Library was not found ({live or 'there is no Live for this system'}); "
        return Default(plain, why + "drag this folder to Places in its browser, or use --folder")
    if daw is Daw.REAPER:
        return Default(
            plain, "REAPER's scripts find it by the daemon's note; no DAW shows it alone"
        )
    return Default(plain, "it is your music folder; add it to your DAW's browser")
