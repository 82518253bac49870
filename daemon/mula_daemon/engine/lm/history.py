"""The frames a job has played, kept on the host so that they can be read again."""

from collections import deque
from itertools import islice

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.int64]


class History:
    """The newest ``limit`` frames: codes [N, C] each, and the clock token each was made with.

    Frames are numbered from 0 at the start of the job; ``end`` is the number of the next one.
    ``clock`` tokens are None throughout for a model that has none.
    """

    def __init__(self, limit: int) -> None:
        self._frames: deque[tuple[Codes, int | None]] = deque(maxlen=limit)
        self.end = 0

    @property
    def begin(self) -> int:
        """The number of the oldest frame that is kept."""
        return self.end - len(self._frames)

    def add(self, codes: Codes, clock: int | None) -> None:
        """Append the next frame."""
        self._frames.append((codes, clock))
        self.end += 1

    def codes(self, start: int, stop: int) -> Codes:
        """[N, stop - start, C]. Raises ``IndexError`` unless ``begin <= start < stop <= end``."""
        return np.stack([codes for codes, _ in self._slice(start, stop)], axis=1)

    def clocks(self, start: int, stop: int) -> list[int] | None:
        """The clock tokens of those frames; None without a clock."""
        clocks = [clock for _, clock in self._slice(start, stop) if clock is not None]
        return clocks or None

    def _slice(self, start: int, stop: int) -> list[tuple[Codes, int | None]]:
        if not self.begin <= start < stop <= self.end:
            raise IndexError(f"frames {start}..{stop} of {self.begin}..{self.end}")
        return list(islice(self._frames, start - self.begin, stop - self.begin))
