"""HeartMuLa's prompt: tags and lyrics as text ids. Engine process only."""

from pathlib import Path

from tokenizers import Tokenizer

from mula_daemon.engine.heartmula.checkpoint import SpecialIds
from mula_daemon.engine.heartmula.parts import damaged, missing
from mula_daemon.engine.lm import PromptTokens
from mula_daemon.engine.wording import plain_text


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
        """In plain text (see `plain_text`), lower-cased; tags wrapped once as ``<tag>...</tag>``;
        empty lyrics are fine."""
        tags, lyrics = plain_text(tags).lower(), plain_text(lyrics).lower()
        words = tags.removeprefix("<tag>").removesuffix("</tag>").strip()
        return PromptTokens(self._bounded(f"<tag>{words}</tag>"), self._bounded(lyrics))

    def _bounded(self, text: str) -> list[int]:
        """Ids that begin with BOS and end with EOS, whatever the tokenizer adds by itself."""
        ids = list(self._tokenizer.encode(text).ids)
        bos, eos = self._ids.text_bos, self._ids.text_eos
        if not ids or ids[0] != bos:
            ids.insert(0, bos)
        if ids[-1] != eos:
            ids.append(eos)
        return ids
