"""What came back to one OSC message, and whether there is more to wait for. Pure."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

SETTLED: Final = ("done", "cancelled", "failed")
"""The states in which a job ends."""
STEPS: Final = 10
"""Lines that the progress of a job is worth."""


class ExitStatus(IntEnum):
    """How it went, for the shell."""

    DONE = 0
    REFUSED = 1
    """An error came back, or the job failed or was cancelled."""
    SILENCE = 3
    """Nobody answered."""
    UNFINISHED = 4
    """The job goes on; the time to wait was over."""


class Replies:
    """Takes what a daemon says after a message to ``address``, by someone who does not subscribe:
    all of it is about that message. ``token`` is what the ping behind it carried."""

    def __init__(self, address: str, token: int) -> None:
        self._address = address
        self._token = token
        self._jobs: dict[str, str] = {}
        self._told: dict[str, int] = {}
        self._refused = False
        self._clips = 0
        self.count = 0
        """So many came, the daemon's sign of life aside."""
        self.alive = False
        """Whether the daemon has shown that it is there."""

    def take(self, address: str, args: tuple[object, ...]) -> bool:
        """Note one reply; whether it is worth telling."""
        self.alive = True
        match address, args:
            case "/mula/pong", (token,) if token == self._token:
                return False
            case "/mula/job", (str(job), str(state), *_):
                self._job(job, state)
            case "/mula/clip", _:
                self._clips += 1
            case "/mula/error", _:
                self._refused = True
            case "/mula/progress", (str(job), float(fraction)):
                step = int(fraction * STEPS + 1e-6)
                if step <= self._told.get(job, 0):
                    return False
                self._told[job] = step
        self.count += 1
        return True

    @property
    def under_way(self) -> list[str]:
        """The jobs that are to be waited for."""
        captured = self._address == "/mula/capture" and (self._clips or self._refused)
        if captured or self._address == "/mula/subscribe":
            return []
        return [job for job, state in self._jobs.items() if state not in SETTLED]

    @property
    def settled(self) -> bool:
        """Whether there was a job to wait for, and all is over."""
        return bool(self._jobs) and self._address != "/mula/subscribe" and not self.under_way

    @property
    def status(self) -> ExitStatus:
        """How it went, up to now."""
        if not self.alive:
            return ExitStatus.SILENCE
        wanted = ("/mula/cancel", "/mula/live", "/mula/subscribe")
        bad = ("failed",) if self._address in wanted else ("failed", "cancelled")
        if self._refused or any(state in bad for state in self._jobs.values()):
            return ExitStatus.REFUSED
        return ExitStatus.UNFINISHED if self.under_way else ExitStatus.DONE

    def _job(self, job: str, state: str) -> None:
        if self._address == "/mula/live" and self._jobs.get(job) == "queued":
            # It plays for ever: that it runs is all that was asked for.
            state = "done" if state == "running" else state
        self._jobs[job] = state
