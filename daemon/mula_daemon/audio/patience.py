"""How long the audio process may be silent with what it does, and what is said if it is longer."""

from __future__ import annotations

from typing import Final

from mula_daemon.audio.devices import Output
from mula_daemon.audio.interface_worker import InterfaceState, InterfaceStep
from mula_daemon.audio.shared_ring import SharedRing

LOOK_S: Final = 0.25
"""Silence is counted in looks of so long, not by a clock: a machine that slept has not hung."""
START_S: Final = 30.0
"""To the first word: a busy machine reads Python's files slowly."""
LIST_S: Final = 20.0
"""For PortAudio to ask every driver for its outputs: Windows was seen to need 2 s for each of
six devices, and an ASIO driver is loaded to be asked."""
OPEN_S: Final = 10.0
"""For one output to open: WASAPI was seen to need 4 s, and headphones are woken up."""
PLAY_S: Final = 3.0
"""For one that plays to take a buffer: of an interface that stalls its process would have told
in half of that, so it hangs itself."""
_REMEDY: Final = (
    "a driver or the JACK server hangs: plug the interface out and in again, restart JACK or the "
    "machine, or choose another output; it is tried again until then"
)


class Patience:
    """Counts the silence of one audio process. The listener's thread."""

    def __init__(self, ring: SharedRing, wanted: str) -> None:
        """``wanted``: the output that was asked for, as the user named it."""
        self.plays: Output | None = None
        """The output that is open."""
        self._ring = ring
        self._wanted = wanted
        self._step: InterfaceStep | None = None
        self._calls = 0
        self._looks = 0

    def hear(self, news: InterfaceState | InterfaceStep) -> None:
        """The process said something."""
        self._looks = 0
        match news:
            case InterfaceStep():
                self._step = news
            case InterfaceState(output=output):
                self.plays = output

    def is_over(self) -> bool:
        """Note a look in which it said nothing; whether that was one too many."""
        if self._ring.calls != self._calls:  # it has no need to say that it plays
            self._calls, self._looks = self._ring.calls, 0
        else:
            self._looks += 1
        return self._looks * LOOK_S >= self._limit_s

    @property
    def verdict(self) -> str:
        """What is wrong with one that was silent for too long: a sentence with a remedy."""
        asked = f"the audio output {self._wanted}".strip()
        silence = f"has not answered for {self._limit_s:g} s"
        if self.plays is not None:
            return f"the audio output {self.plays.name} {silence}; its process is begun anew"
        if self._step is None:
            return f"{asked} is not there yet: its process {silence}; it is begun anew"
        if self._step.output is None:
            return f"{asked} cannot be looked for: the list of outputs {silence}; {_REMEDY}"
        return f"the audio output {self._step.output.name} does not open: it {silence}; {_REMEDY}"

    @property
    def _limit_s(self) -> float:
        if self.plays is not None:
            return PLAY_S
        if self._step is None:
            return START_S
        return LIST_S if self._step.output is None else OPEN_S
