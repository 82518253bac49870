"""Texts as a model was trained on them: what looks alike is the same text. Pure; any thread.

Only models read these; whatever is kept, shown or written down stays as it was typed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_LINE_ENDS: Final = re.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
_JOINERS: Final = "\u200c\u200d"
"""They shape the letters beside them in Persian and the scripts of India, and put emoji together.
Between letters of the Latin, Greek or Cyrillic scripts, or at a word's edge, they are dirt."""
_NEEDS_JOINERS: Final = "\u0590"
"""The scripts that know them begin here, with Hebrew."""
_SEEN: Final = frozenset({"Cc", "Cf", "Cs"})
"""Controls, format signs and halves of surrogate pairs: nobody sees them, nor should a model."""


def plain_text(text: str) -> str:
    """``text`` without what nobody sees in it.

    Composed (NFC), lines parted by LF, every kind of blank as U+0020, none at the end of a
    line; no byte order marks, signs of no width, directions, soft hyphens or control characters.
    """
    text = _LINE_ENDS.sub("\n", text)
    shown = "".join(sign for at, sign in enumerate(map(_blank, text)) if _is_seen(text, at, sign))
    return unicodedata.normalize("NFC", re.sub(r" +$", "", shown, flags=re.MULTILINE))


def plain_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags in plain text: one of each, however many were written as one, on one line, trimmed."""
    words = (" ".join(part.split()) for tag in tags for part in plain_text(tag).split(","))
    return tuple(word for word in words if word)


def _blank(sign: str) -> str:
    return " " if sign == "\t" or unicodedata.category(sign) == "Zs" else sign


def _is_seen(text: str, at: int, sign: str) -> bool:
    if sign in _JOINERS:
        beside = (text[at - 1 : at], text[at + 1 : at + 2])
        return all(other >= _NEEDS_JOINERS and _is_sign(other) for other in beside)
    return sign == "\n" or unicodedata.category(sign) not in _SEEN


def _is_sign(other: str) -> bool:
    """Whether it is a letter, a mark or a picture, and no blank or sign of no width."""
    return unicodedata.category(other)[0] in "LMNS"
