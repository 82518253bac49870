"""Text ids of `mini`: a prompt's tags, and the clock that the text column holds in frames.

A prompt reads ``<bos> <tag> techno dark </tag> <eos>``. The ids are those the model was trained
on; a tokenizer.json beside the weights says the same to others. Standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mula_daemon.engine.mini import tags, tokens

SPECIAL: Final = ("<pad>", "<bos>", "<eos>", "<tag>", "</tag>", "<unk>")
CLOCKS: Final = tokens.PHRASE_BARS * tokens.STEPS_PER_BAR
TEXT_IDS: Final = {
    word: i
    for i, word in enumerate((*SPECIAL, *tags.TAGS, *(f"<clock {i}>" for i in range(CLOCKS))))
}
"""Word -> id: special tokens, one for each canonical tag, one for each clock position."""


def prompt_ids(known: Sequence[str]) -> list[int]:
    """Ids of a prompt with these canonical tags (`tags.parse_tags` finds them).

    No tags give an empty prompt, ``<bos> <tag> </tag> <eos>``. Raises ``ValueError`` for a
    word that is no canonical tag.
    """
    for tag in known:
        if tag not in tags.TAGS:
            raise ValueError(f"{tag!r} is no tag of mini")
    return [TEXT_IDS[word] for word in ("<bos>", "<tag>", *known, "</tag>", "<eos>")]


def clock_id(frame: int) -> int:
    """The clock token of ``frame``, counted in sixteenths from the start of the clip."""
    return TEXT_IDS["<clock 0>"] + frame % CLOCKS


def clock_ids(frames: int) -> list[int]:
    """The clock tokens of frames ``0..frames-1``."""
    return [clock_id(frame) for frame in range(frames)]
