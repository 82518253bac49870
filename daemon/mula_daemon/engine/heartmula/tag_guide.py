"""How to tag for HeartMuLa: its eight categories, and what to say of a list of tags.

Shares are those of training prompts that had a tag of the category (HeartMuLa, arXiv 2601.10547).
The words are examples of ours, not its vocabulary: it reads free text. Imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Category:
    """One kind of tag: in how many per cent of training prompts, and words of that kind."""

    name: str
    share: int
    words: tuple[str, ...]


def _row(name: str, share: int, words: str) -> Category:
    return Category(name, share, tuple(word.strip() for word in words.split(",")))


CATEGORIES: Final = (
    _row("genre", 95, "pop, rock, metal, punk, electronic, techno, house, trance, drum and bass, "
         "dubstep, ambient, hip-hop, rap, trap, r&b, soul, funk, disco, jazz, blues, country, "
         "folk, reggae, latin, classical, lo-fi, indie, edm, synthwave, gospel, k-pop, ballad"),
    _row("timbre", 50, "warm, bright, dark, soft, raw, airy, smooth, distorted, clean, lush, deep"),
    _row("singer", 37, "female vocal, male vocal, female, male, choir, duet, child, instrumental"),
    _row("mood", 32, "happy, sad, melancholic, romantic, angry, calm, energetic, dreamy, "
         "nostalgic, hopeful, tense, epic, chill, uplifting, aggressive"),
    _row("instrument", 25, "piano, guitar, acoustic guitar, electric guitar, bass, drums, strings, "
         "violin, cello, synthesizer, saxophone, trumpet, flute, organ, harp, 808"),
    _row("scene", 20, "wedding, party, club, workout, study, sleep, driving, beach, film, game, "
         "cafe"),
    _row("region", 12, "american, british, chinese, japanese, korean, latin american, african, "
         "french, spanish, indian"),
    _row("topic", 10, "love, heartbreak, friendship, freedom, summer, night, dream, home, war, "
         "nature"),
)  # fmt: skip

GUIDE: Final = (
    "One tag of each kind, the genre always. Tags of kinds that are rare in its training weigh "
    "little. A genre that is ignored wants guidance: cfg 2.5 to 4 (5 obeys, 7 sounds worse); "
    "temperature 0.8 to 0.9 keeps a strict rhythm; top-k 30 has fewer artefacts and a duller "
    "sound. Mark sections of lyrics with [intro], [verse], [chorus], [bridge], [outro], each on a "
    "line of its own; without lyrics it plays an instrumental. This is advice of its users, not a "
    "limit."
)
MANY: Final = 8
"""Tags from which on a list is long."""


def category_of(tag: str) -> Category | None:
    """The kind of a tag that is among the examples, else None."""
    word = " ".join(tag.lower().replace("-", " ").split())
    for category in CATEGORIES:
        if any(word == each.replace("-", " ") for each in category.words):
            return category
    return None


def advice(tags: Sequence[str]) -> list[str]:
    """What the guide would say of ``tags``, one sentence each. It never refuses."""
    kinds: dict[str, list[str]] = {}
    for tag in tags:
        category = category_of(tag)
        kinds.setdefault(category.name if category else "", []).append(tag)
    said = []
    if "genre" not in kinds:
        unknown = kinds.get("", [])
        hint = f" (unless {' or '.join(unknown[:3])} is one)" if unknown else ""
        said.append(
            f"no tag names a genre{hint}; nearly every training prompt had one, and without it the "
            "music drifts to mellow pop"
        )
    for name, words in kinds.items():
        if name and len(words) > 1:
            said.append(f"{' and '.join(words)} are all {name} tags; one of a kind steers best")
    if len(tags) > MANY:
        said.append(f"{len(tags)} tags are many; each weighs less")
    return said
