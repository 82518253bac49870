"""What clips are called: names that importers understand and every file system takes."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Collection, Iterable
from typing import Final

from mula_daemon.clips.take import Take

_ID_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""No i, l, o, u: an id survives being read aloud, and spells nothing."""
_ID_LENGTH: Final = 6
_SLUG_LENGTH: Final = 40
_NO_SLUG: Final = "clip"


def new_id(taken: Collection[str] = ()) -> str:
    """A short random id, lower case, that is not in ``taken``."""
    while True:
        found = "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
        if found not in taken:
            return found


def slug(tags: Iterable[str]) -> str:
    """The tags as plain lower-case ASCII words joined by ``-``; ``clip`` when none is left.

    Accents are dropped and other scripts left out, because file systems disagree on
    how to spell them. So is a tempo among the tags: an importer takes the first
    number before "bpm" that it finds.
    """
    ascii_only = unicodedata.normalize("NFKD", " ".join(tags)).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", re.sub(r"[\d.]*\s*bpm", " ", ascii_only.lower()))
    kept = _NO_SLUG
    for count in range(len(words), 0, -1):
        joined = "-".join(words[:count])
        if len(joined) <= _SLUG_LENGTH or count == 1:
            kept = joined[:_SLUG_LENGTH]
            break
    return kept


def stem(take: Take) -> str:
    """A take's file name without extension, from its tags, tempo, key, knobs, seed and id.

    The number right before "bpm" is its tempo, rounded, as importers expect. At most 120
    characters, none of them special to Windows, macOS or a shell glob.
    """
    knobs = take.initial
    return "_".join(
        (
            slug(take.request.tags),
            f"{tempo(take.request.bpm)}bpm",
            take.request.key,
            f"cfg{float(knobs['cfg']):.1f}",
            f"t{float(knobs['temperature']):.2f}",
            f"k{int(knobs['top_k'])}",
            f"s{take.seed}",
            take.id,
        )
    )


def tempo(bpm: float) -> str:
    """A tempo as a whole number: some importers read only the digits right before "bpm".

    The exact one is in the file, in its ``acid`` and ``smpl`` chunks, and in the sidecar.
    """
    return str(int(bpm + 0.5))


def id_of(name: str) -> str:
    """The id in a stem, which is its last word (a number after it made the name unique)."""
    return name.rpartition("_")[2].partition("-")[0]
