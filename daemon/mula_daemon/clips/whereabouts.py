"""A note for programs that look for the daemon's clip folder, such as REAPER's scripts.

``folder.txt`` in the user's config folder holds one line: the folder of the daemon that
started last. It stays when the daemon ends, since the clips do.
"""

from __future__ import annotations

import logging
from pathlib import Path

from mula_bridge.errors import BadInput
from mula_bridge.files import replace_text

log = logging.getLogger(__name__)


def note_folder(folder: Path) -> None:
    """Write the note; a config folder that cannot be written to is no reason not to start."""
    path = folder_note()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, f"{folder}\n")
    except (OSError, BadInput) as error:
        log.info("REAPER's scripts will ask for the clip folder: %s", error)


def folder_note() -> Path:
    """Where the note is.

    Linux: ~/.config/mulabridge; macOS: ~/Library/Application Support/mulabridge; Windows:
    %LOCALAPPDATA%\\\\mulabridge. ``bridge/reaper`` computes the same.
    """
    from platformdirs import user_config_path

    return user_config_path("mulabridge", appauthor=False) / "folder.txt"
