"""Settings that are one of a few words."""

from __future__ import annotations

from enum import StrEnum


class Daw(StrEnum):
    """Whose folder the clips land in when none is named."""

    AUTO = "auto"
    LIVE = "live"
    REAPER = "reaper"
    NONE = "none"


class Layout(StrEnum):
    """Where new clips land below the folder."""

    FLAT = "flat"
    DATE = "date"
    JOB = "job"


class BeatsMode(StrEnum):
    """What is done with the beats of a model that has no tempo of its own."""

    TRIM = "trim"
    """Clips are cut to whole bars of the tempo they have."""
    REPORT = "report"
    """Clips stay as they are; the recipe says what tempo they have."""
    OFF = "off"
