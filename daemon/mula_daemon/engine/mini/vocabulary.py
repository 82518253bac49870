"""Text ids of `mini`: a prompt's tags, and the clock that the text column holds in frames.

tokenizer.json is a word-level vocabulary in the `tokenizers` format; `build` makes it. A
prompt reads ``<bos> <tag> techno dark </tag> <eos>``. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from mula_daemon.engine.mini import tags, tokens

SPECIAL: Final = ("<pad>", "<bos>", "<eos>", "<tag>", "</tag>", "<unk>")
FILE: Final = "tokenizer.json"
CLOCKS: Final = tokens.PHRASE_BARS * tokens.STEPS_PER_BAR


def build() -> Tokenizer:
    """The vocabulary: special tokens, one per canonical tag, one per clock position."""
    words = (*SPECIAL, *tags.TAGS, *(f"<clock {i}>" for i in range(CLOCKS)))
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


@cache
def vocabulary() -> dict[str, int]:
    """Word -> id, as shipped."""
    text = (files(__package__) / "model" / FILE).read_text(encoding="utf-8")
    return dict(Tokenizer.from_str(text).get_vocab())


def text_vocab() -> int:
    """How many text ids there are."""
    return len(vocabulary())


def prompt_ids(known: Sequence[str]) -> list[int]:
    """Ids of a prompt with these canonical tags (`tags.parse_tags` finds them).

    No tags give an empty prompt, ``<bos> <tag> </tag> <eos>``. Raises ``ValueError`` for a
    word that is no canonical tag.
    """
    words = vocabulary()
    for tag in known:
        if tag not in tags.TAGS:
            raise ValueError(f"{tag!r} is no tag of mini")
    return [words[word] for word in ("<bos>", "<tag>", *known, "</tag>", "<eos>")]


def clock_id(frame: int) -> int:
    """The clock token of ``frame``, counted in sixteenths from the start of the clip."""
    return vocabulary()["<clock 0>"] + frame % CLOCKS


def clock_ids(frames: int) -> list[int]:
    """The clock tokens of frames ``0..frames-1``."""
    return [clock_id(frame) for frame in range(frames)]


if __name__ == "__main__":
    build().save(str(Path(__file__).with_name("model") / FILE))
