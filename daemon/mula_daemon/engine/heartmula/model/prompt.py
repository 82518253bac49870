"""HeartMuLa's prompt: tags and lyrics as text ids. Engine process only."""

from pathlib import Path

from tokenizers import Tokenizer

from mula_daemon.engine.heartmula.checkpoint import SpecialIds
from mula_daemon.engine.heartmula.parts import damaged, missing
from mula_daemon.engine.lm import PromptTokens


class PromptEncoder:
    """Turns what the musician writes into `PromptTokens`; ``ids`` are those of gen_config.json."""

    def __init__(self, tokenizer: Tokenizer, ids: SpecialIds) -> None:
        self._tokenizer = tokenizer
        self._ids = ids

    @classmethod
    def from_file(cls, path: Path, ids: SpecialIds) -> "PromptEncoder":
        """From a ``tokenizer.json``. Raises `CheckpointError`."""
        if not path.is_file():
            raise missing(path)
        try:
            return cls(Tokenizer.from_file(str(path)), ids)
        except Exception as error:  # the library raises nothing narrower
            raise damaged(path, f"is no tokenizer ({error})") from error

    def encode(self, tags: str, lyrics: str = "") -> PromptTokens:
        """Lower-cased; tags wrapped once as ``<tag>...</tag>``; empty lyrics are fine."""
        tags = tags.lower()
        opening = "" if tags.startswith("<tag>") else "<tag>"
        closing = "" if tags.endswith("</tag>") else "</tag>"
        return PromptTokens(
            self._bounded(f"{opening}{tags}{closing}"), self._bounded(lyrics.lower())
        )

    def _bounded(self, text: str) -> list[int]:
        """Ids that begin with BOS and end with EOS, whatever the tokenizer adds by itself."""
        ids = list(self._tokenizer.encode(text).ids)
        bos, eos = self._ids.text_bos, self._ids.text_eos
        if not ids or ids[0] != bos:
            ids.insert(0, bos)
        if ids[-1] != eos:
            ids.append(eos)
        return ids
