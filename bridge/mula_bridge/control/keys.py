"""Musical keys: the names that we give them, and the ways in which others write them. Pure."""

from __future__ import annotations

import re
from typing import Final

from mula_bridge.errors import UnknownName

_TONICS: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
KEYS: Final = tuple(f"{tonic}{mode}" for mode in ("maj", "min") for tonic in _TONICS)
"""The 24 names: C to B in major, then in minor."""

KEY: Final = r"^[A-Ga-g] ?([#♯b♭]|sharp|flat)?[ :_-]*(major|minor|maj|min|m|M)?$"
"""How a key is written, for schemas."""

# "b" is a flat only behind a letter, and "M" is the one sign whose case tells.
_FORM: Final = re.compile(
    r"(?P<letter>[a-g])[\s_-]*(?P<accidental>[#♯b♭]|sharp|flat|)[\s:_-]*"
    r"(?P<mode>major|minor|maj|min|m|)\.?",
    re.IGNORECASE,
)
_TONIC: Final = re.compile(r"(?P<letter>[a-g])(?P<accidental>[#♯♭]|b|)", re.IGNORECASE)
_LETTERS: Final = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_STEPS: Final = {"": 0, "#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}


class UnknownKey(UnknownName):
    """No key is written like this. The hint never names another tonic."""

    def __init__(self, name: str) -> None:
        super().__init__("key", name, _of_its_tonic(name))
        if self.nearest is None:
            self.args = (f"{self}; write it as in C, Ebmaj, F#min or A minor",)


def parse_key(text: str) -> str:
    """The name in ``KEYS`` of the key that ``text`` means: ``Ebmaj``, ``C#m``, ``F♯ minor``,
    ``a flat major``; a letter alone is major.

    Raises UnknownKey.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise UnknownKey(text.strip())
    minor = found["mode"] == "m" or found["mode"].lower() in ("min", "minor")
    return f"{_tonic(found)}{'min' if minor else 'maj'}"


def _tonic(found: re.Match[str]) -> str:
    step = _STEPS[found["accidental"].lower()]
    return _TONICS[(_LETTERS[found["letter"].lower()] + step) % 12]


def _of_its_tonic(word: str) -> tuple[str, ...]:
    """The two keys on the tonic that a misspelt key begins with, if it does."""
    found = _TONIC.match(word)
    return (f"{_tonic(found)}maj", f"{_tonic(found)}min") if found else ()
