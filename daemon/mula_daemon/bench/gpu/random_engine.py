"""HeartMuLa's own engine with random weights: what plays, but for the reading of files."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Final

import torch

from mula_daemon.bench.frame_speed import SIZES, random_model
from mula_daemon.bench.gpu.plan import CardQuestions
from mula_daemon.bench.random_codec import CODECS, random_codec
from mula_daemon.engine import ClipRequest, FrameKnobs, Item
from mula_daemon.engine.heartmula import Demand, Plan
from mula_daemon.engine.heartmula.codec import HeartCodec
from mula_daemon.engine.heartmula.model import HeartMulaEngine, StreamSettings
from mula_daemon.engine.lm import AUTO, PromptTokens

END_OFFSET: Final = 4
"""From the end of the audio vocabulary: 8197 ids, of which 8193 is the end."""
WORDS: Final = 20


class RandomHeartMula(HeartMulaEngine):
    """For speed and memory, and for whatever else does not depend on what the music is."""

    def __init__(
        self,
        asked: CardQuestions,
        *,
        precision: str = AUTO,
        codec: str = AUTO,
        stream: StreamSettings | None = None,
    ) -> None:
        super().__init__(
            Path("random"), device=asked.device, precision=precision, codec=codec, stream=stream
        )
        self._size = asked.size
        self._chosen: Plan | None = None

    def warm_up(self) -> None:
        """As the engine's own, without a checkpoint."""
        config = SIZES[self._size]
        self._set_up(
            config,
            CODECS[self._size],
            config.audio_vocab - END_OFFSET,
            lambda config, dtype: random_model(config, self._device, dtype),
            self._random_codec,
        )

    def _random_codec(self, home: torch.device, dtype: torch.dtype) -> HeartCodec:
        # Drawn on the card, wherever it goes then: a CPU would take half a minute for it.
        made = random_codec(CODECS[self._size], self._device, dtype)
        return made if home.type == self._device.type else made.to(home)

    def _prompt(self, tags: Sequence[str], lyrics: str, _frame: int) -> PromptTokens:
        """As long as usual ones; other words are other ids."""
        words = SIZES[self._size].text_vocab
        ids = [sum(map(ord, tag)) % words for tag in (*tags, lyrics)]
        return PromptTokens((ids * WORDS)[:WORDS], (ids[::-1] * WORDS)[:WORDS])

    def _plan(self) -> Plan:
        self._chosen = super()._plan()
        return self._chosen

    @property
    def codec(self) -> HeartCodec:
        assert self._codec is not None, "the engine is not warm"
        return self._codec

    @property
    def live_settings(self) -> StreamSettings:
        """With which live play begins."""
        return self._live.settings

    def plan_for(self, frames: int) -> Plan:
        """What the memory plan says of a job of so many, on a card."""
        assert self._chosen is not None, "the engine is not on a card"
        return self._chosen.with_demand(Demand(frames=frames, text=2 * WORDS + 1), self._sizes)

    def items(
        self, clip: ClipRequest, knobs: Callable[[], FrameKnobs] = FrameKnobs
    ) -> Generator[Item, None, None]:
        """`generate` as a generator, which can be closed."""
        yield from self.generate(clip, knobs)
