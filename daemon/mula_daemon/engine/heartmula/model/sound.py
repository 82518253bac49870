"""The sound of one take: codes in, samples out, exactly as many as the clip has.

Engine process only; one thread at a time.
"""

from __future__ import annotations

import numpy as np
import torch

from mula_daemon.audio import Samples
from mula_daemon.engine.heartmula.codec import CHANNELS
from mula_daemon.engine.heartmula.model.codec_lane import CodecLane, LaneArrivals
from mula_daemon.engine.heartmula.model.streaming import StreamingDecoder

Codes = np.ndarray


class ClipStream:
    """Feeds a decoder and cuts what comes to ``length`` samples; None: it goes on for ever.

    With ``hold`` no code reaches the decoder before `end`, for a codec that is elsewhere until
    then. A take that ends before its length is silent from there on.
    """

    def __init__(
        self,
        decoder: StreamingDecoder,
        lane: CodecLane,
        length: int | None,
        *,
        hold: bool = False,
    ) -> None:
        self._decoder = decoder
        self._lane = lane
        self._left = length
        self._held: list[Codes] | None = [] if hold else None
        self._arrivals = LaneArrivals()
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether no more codes are taken."""
        return self._ended

    def push(self, codes: Codes) -> None:
        """One frame's codes [codebooks], of which the codec knows every one."""
        if self._held is not None:
            self._held.append(codes)
            return
        if self._decoder.is_due(1):
            self._arrivals.add(self._lane.start(lambda: self._decoder.push(codes[:, None])))
        else:
            self._decoder.push(codes[:, None])

    def end(self) -> None:
        """There are no more codes. May be called again."""
        if self._ended:
            return
        self._ended = True
        held, self._held = self._held, None

        def rest() -> torch.Tensor:
            parts = [self._decoder.push(np.stack(held, axis=1))] if held else []
            return torch.cat([*parts, self._decoder.finish()])

        self._arrivals.add(self._lane.start(rest))

    def ready(self) -> list[Samples]:
        """What has become final, float32 [S, 2] each, none empty."""
        return self._cut(self._arrivals.take())

    def rest(self) -> list[Samples]:
        """All that is left, up to the very last sample; after `end`."""
        found = self._cut(self._arrivals.take(wait=True))
        if self._left:
            found.append(np.zeros((self._left, CHANNELS), np.float32))
            self._left = 0
        return found

    def _cut(self, pieces: list[Samples]) -> list[Samples]:
        found = []
        for piece in pieces:
            piece = piece[: self._left]
            if self._left is not None:
                self._left -= len(piece)
            if len(piece):
                found.append(piece)
        return found
