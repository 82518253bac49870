"""The words after ``mula send`` as they were typed, whatever the shell made of them. Pure."""

from __future__ import annotations

import re
from typing import Final

from mula_bridge.api import addresses
from mula_bridge.control import checked_text
from mula_bridge.errors import BadInput

# Git Bash takes a word with a slash before it for a path in the folder where Git lies.
_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")
_OURS: Final = re.compile(r"[A-Za-z]:[\\/](?:.*[\\/])?mula([\\/].*)")


def typed_address(text: str) -> str:
    """The address that was typed; of several slashes before it one counts.

    Raises BadInput that says what an address is, or what became of this one.
    """
    typed_argument(text)
    if _DRIVE.match(text):
        raise _made_a_path(text, "an address")
    address = re.sub("^//+", "/", text)
    if not address.startswith("/"):
        meant = _known("/" + text.replace("\\", "/").lstrip("/"))
        raise BadInput(
            f"an address begins with a slash, as in /mula/knob/cfg; {text!r} does not"
            + (f"; did you mean {meant}?" if meant else "")
        )
    if " " in address:
        raise BadInput(
            f"an address has no blank in it; {text!r} has: are its arguments in the same quotes?"
        )
    return address


def typed_argument(text: str) -> str:
    """The argument that was typed. Raises BadInput for what cannot be sent, and for an address
    of ours that became a path."""
    checked_text(text, "what is sent")
    found = _OURS.fullmatch(text)
    if found is not None:
        raise _made_a_path(text, "/mula" + found[1].replace("\\", "/"))
    return text


def _made_a_path(text: str, typed: str) -> BadInput:
    return BadInput(
        f"{text!r} is what Git Bash makes of {typed}: write two slashes before it, as in "
        "//mula/generate, or MSYS_NO_PATHCONV=1 before the command"
    )


def _known(address: str) -> str | None:
    """One of our addresses that a word without a slash before it may mean."""
    for one in (address, f"/mula{address}"):
        try:
            addresses.decode(one)
        except addresses.UnknownAddress:
            continue
        except BadInput:  # it is there, and wants arguments
            pass
        return one
    return addresses.nearest_address(address)
