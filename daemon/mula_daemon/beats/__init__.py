"""Where the beats of a sound fall, for models that have no tempo of their own."""

from mula_daemon.beats import grid, tracker
from mula_daemon.beats.fit import SPARE_BARS, Fit, ranking
from mula_daemon.beats.trim import cut_of, loop_of

__all__ = ["SPARE_BARS", "Fit", "cut_of", "grid", "loop_of", "ranking", "tracker"]
