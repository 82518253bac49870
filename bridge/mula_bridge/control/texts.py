"""What a text may hold: the door for whatever a user, a packet or a file says. Pure.

A text that has no UTF-8 form, or holds a NUL, could neither be told to anybody nor kept, and
would be found out where nobody can be told any more. So it is refused where it comes in.
"""

from __future__ import annotations

import re
from typing import Final

from mula_bridge.errors import BadInput

MAX_NAME: Final = 64
"""Characters of a name that a user gives to anything."""
MAX_TEXT: Final = 32_768
"""Characters of any text that is taken at all."""

# Tab and line ends are part of lyrics. U+DC80 to U+DCFF are how Python keeps foreign bytes.
_UNFIT: Final = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_PATH: Final = re.compile(r"[/\\]|^[A-Za-z]:(?! )|^\.*$")


def checked_text(text: str, what: str = "a text", most: int = MAX_TEXT) -> str:
    """``text``, if it has at most ``most`` characters, and each can be written and read.

    Lone surrogates and control signs but tab and line ends cannot. Raises BadInput, which calls
    the text ``what`` and names the sign.
    """
    if len(text) > most:
        raise BadInput(f"{what} has {len(text)} characters; at most {most} fit")
    found = _UNFIT.search(text)
    if found is not None:
        sign, at = ord(found[0]), found.start() + 1
        if 0xDC80 <= sign <= 0xDCFF:
            wrong = f"a byte that is no UTF-8 ({sign - 0xDC00:02X}) at character {at}; use UTF-8"
        elif sign >= 0xD800:
            wrong = f"half of a character (U+{sign:04X}) at character {at}; use UTF-8"
        else:
            wrong = f"the control sign U+{sign:04X} at character {at}; leave it out"
        raise BadInput(f"{what} has {wrong}")
    return text


def checked_name(name: str, what: str) -> str:
    """``name`` without the blanks around it, if it can be one: 1 to ``MAX_NAME`` printable
    characters and nothing of a path.

    Raises BadInput, which calls the name ``what``.
    """
    trimmed = name.strip()
    if not 0 < len(trimmed) <= MAX_NAME or not trimmed.isprintable() or _PATH.search(trimmed):
        shown = trimmed if len(trimmed) <= 40 else trimmed[:40] + "..."
        raise BadInput(
            f"{what} has 1 to {MAX_NAME} printable characters and no slash or backslash; "
            f"{shown!r} cannot be one"
        )
    return trimmed


def legible(text: str) -> str:
    """``text`` as anybody can be told it: what UTF-8 or OSC cannot spell is written out.

    A folder's name need not be UTF-8, nor what a driver says of itself.
    """
    if text.isascii():
        return text.replace("\0", "\\x00")
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")
