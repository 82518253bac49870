"""A note for programs that look for the daemon's clip folder, such as REAPER's scripts.

``folder.txt`` in the user's config folder holds one line: the folder of the daemon that
started last. It stays when the daemon ends, since the clips do.
"""

from __future__ import annotations

import logging
from pathlib import Path

log = logging.getLogger(__name__)


def note_folder(folder: Path) -> None:
    """Write the note; a config folder that cannot be written to is no reason not to start."""
    path = folder_note()
    part = path.with_name(f"{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(f"{folder}\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        log.info("REAPER's scripts will ask for the clip folder: %s", error)


def folder_note() -> Path:
    """Where the note is.

    Linux: ~/.config/mulabridge; macOS: ~/Library/Application Support/mulabridge; Windows:
    %LOCALAPPDATA%\\\\mulabridge. ``bridge/reaper`` computes the same.
    """
    from platformdirs import user_config_path

    return user_config_path("mulabridge", appauthor=False) / "folder.txt"
