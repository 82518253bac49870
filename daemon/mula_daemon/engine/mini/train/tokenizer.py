"""mini's vocabulary for others to read: ``python -m mula_daemon.engine.mini.train.tokenizer``.

Writes the tokenizer.json that lies beside the weights, in the format of the `tokenizers` library.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from mula_daemon.engine.mini.vocabulary import SPECIAL, TEXT_IDS

FILE: Final = "tokenizer.json"


def build() -> Tokenizer:
    """A word-level tokenizer with the ids of `vocabulary`."""
    tokenizer = Tokenizer(WordLevel(TEXT_IDS, unk_token="<unk>"))
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer


if __name__ == "__main__":
    build().save(str(Path(__file__).parents[1] / "model" / FILE))
