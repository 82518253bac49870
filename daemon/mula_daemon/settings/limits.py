"""How much the clip folder may hold before the oldest clips are archived. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mula_bridge.errors import BadInput

_UNITS: Final = {"mb": 10**6, "gb": 10**9, "tb": 10**12}
_LIMIT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")


@dataclass(frozen=True, slots=True)
class Limits:
    """Clips and bytes (all files of all clips); None is no limit."""

    clips: int | None = None
    size: int | None = None

    def exceeded(self, clips: int, size: int) -> bool:
        """Whether a folder with so much in it is beyond a limit."""
        return (self.clips is not None and clips > self.clips) or (
            self.size is not None and size > self.size
        )

    def __bool__(self) -> bool:
        return self != Limits()


def parse_limits(text: str) -> Limits:
    """``500``, ``20GB`` or both with a comma; empty is no limit. Raises BadInput."""
    clips: int | None = None
    size: int | None = None
    for item in filter(None, (part.strip().lower() for part in text.split(","))):
        found = _LIMIT.fullmatch(item)
        unit = found[2].removesuffix("s") if found else ""
        if found and unit in ("", "clip") and "." not in found[1] and int(found[1]) > 0:
            clips = int(found[1])
        elif found and unit in _UNITS and float(found[1]) > 0:
            size = round(float(found[1]) * _UNITS[unit])
        else:
            raise BadInput(f"{item!r} is neither a number of clips nor a size such as 20GB")
    return Limits(clips, size)
