"""How the clip folder is laid out: one heap, or a folder for each day or each job. Pure.

::

    flat   FOLDER/NAME.wav
    date   FOLDER/2026-11-25/NAME.wav
    job    FOLDER/2026-11-25/2213-job7/NAME.wav

Days and times are local: they are for people who look for last night's session.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from mula_daemon.clips.naming import slug
from mula_daemon.settings import Layout

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def place_of(layout: Layout, job: str, begun: datetime) -> PurePosixPath:
    """Where the clips of ``job`` land, below the folder; ``begun`` is local time."""
    day = PurePosixPath(f"{begun:%Y-%m-%d}")
    match layout:
        case Layout.FLAT:
            return PurePosixPath()
        case Layout.DATE:
            return day
        case Layout.JOB:
            return day / f"{begun:%H%M}-{slug([job])}"


def is_day(name: str) -> bool:
    """Whether a folder of that name holds the clips of one day."""
    return _DAY.fullmatch(name) is not None
