"""When an engine that died is started again. Pure; one thread."""

from __future__ import annotations

from typing import Final

RESTARTS: Final = 3
"""So many lives in a row that came to nothing, and the engine rests before the next."""
FIRST_REST_S: Final = 1.0
LONGEST_REST_S: Final = 300.0
"""Each rest is twice as long as the one before, up to this."""


class Restarts:
    """Counts lives that came to nothing: whatever ended them may end the next one, too.

    It never gives up, since a card or a driver may come back; it only takes longer and longer.
    """

    def __init__(self) -> None:
        self.in_vain = 0
        """Lives that came to nothing since the last one that was of use."""

    def worked(self) -> None:
        """The engine was of use: what follows is another trouble than what came before."""
        self.in_vain = 0

    def rest_s(self) -> float:
        """The engine died: how many seconds to wait before the next start; 0 at first."""
        self.in_vain += 1
        over = self.in_vain - RESTARTS
        # Beyond 2^16 no rest would be any longer.
        return min(FIRST_REST_S * 2.0 ** min(over, 16), LONGEST_REST_S) if over >= 0 else 0.0
