"""How the daemon's services fare: what fails in them is told, with a limit, and who is dead."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Final, Never

from msgspec import Struct

from mula_bridge.control import Publish, Service
from mula_bridge.control.messages import (
    Failed,
    Origin,
    Report,
    ServiceChanged,
    ServiceState,
    StatusReport,
)
from mula_daemon.session import Handler

WELL_S: Final = 3.0
"""What has not failed again for so long is well."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
"""Between two words about one service that goes on failing: twice as long each time."""
QUIET_S: Final = 60.0
"""After so long without a fault the first one is told at once again."""


class Condition(Struct):
    """How one service fares, and what everybody was told of that."""

    state: ServiceState = ServiceState.WELL
    faults: int = 0
    detail: str = ""
    failed_at: float = 0.0
    told: ServiceState = ServiceState.WELL
    told_faults: int = 0
    silent_until: float = 0.0
    pause: float = FIRST_PAUSE_S


class Services(Handler[Never, Never]):
    """Looks after services: a Handler that tells all of them, and a Listener that adds what it
    knows to an answer about the daemon's status.

    Of a fault everybody hears at the next tick, of those that follow in ever longer steps, with
    their number; that all is well again when nothing has failed for ``WELL_S``.
    """

    def __init__(self, publish: Publish, clock: Callable[[], float] = monotonic) -> None:
        self._publish = publish
        self._clock = clock
        self._lock = threading.Lock()
        self._conditions: dict[str, Condition] = {}

    # --- any thread ---------------------------------------------------------------------------

    def tend(self, *services: Service) -> None:
        """Look after ``services`` from now on; best before they start."""
        for service in services:
            with self._lock:
                self._conditions.setdefault(service.name, Condition(faults=service.faults))
            service.on_fault = self._stumbled
            service.on_death = self._died

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are looked after, in the order in which they came."""
        with self._lock:
            return tuple(self._conditions)

    @property
    def dead(self) -> tuple[str, ...]:
        """The services that ended for good."""
        with self._lock:
            found = self._conditions.items()
            return tuple(name for name, one in found if one.state is ServiceState.DEAD)

    def _stumbled(self, service: Service, what: str, error: Exception) -> None:
        self._note(service, ServiceState.FAILING, f"{what}: {error!r}")

    def _died(self, service: Service, what: str, error: Exception) -> None:
        self._note(service, ServiceState.DEAD, f"{error!r}; restart mula run")
        if service.name == "session":  # this is its thread, and there will be no other tick
            self.tick()

    def _note(self, service: Service, state: ServiceState, detail: str) -> None:
        with self._lock:
            one = self._conditions[service.name]
            now = self._clock()
            if now - one.failed_at > QUIET_S:
                one.pause, one.silent_until = FIRST_PAUSE_S, now
            one.state, one.faults, one.detail, one.failed_at = state, service.faults, detail, now

    # --- the session's thread -----------------------------------------------------------------

    def tick(self) -> None:
        """Say what there is to say by now."""
        now = self._clock()
        with self._lock:
            found = self._conditions.items()
            news = [report for name, one in found for report in _news(name, one, now)]
        for report in news:
            self._publish(report)

    def dump(self, origin: Origin) -> None:
        """Tell one origin of every service in which something has failed."""
        with self._lock:
            troubled = [
                _shown(name, one)
                for name, one in self._conditions.items()
                if one.faults or one.state is not ServiceState.WELL
            ]
        for report in troubled:
            self._publish(report, to=origin)

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Add to an answer about the daemon's status how its services are."""
        if isinstance(report, StatusReport) and to is not None:
            self.dump(to)


def _news(name: str, one: Condition, now: float) -> list[Report]:
    """What is to be told of a service now; it is noted as told."""
    if one.state is ServiceState.FAILING and now - one.failed_at >= WELL_S:
        one.state = ServiceState.WELL
    if one.told is one.state and one.told_faults == one.faults:
        return []
    if one.state is ServiceState.FAILING and now < one.silent_until:
        return []
    fresh = one.faults - one.told_faults
    one.told, one.told_faults = one.state, one.faults
    changed = _shown(name, one)
    match one.state:
        case ServiceState.WELL:
            return [changed]
        case ServiceState.DEAD:
            return [Failed("", "service", f"{name} ended: {one.detail}"), changed]
        case ServiceState.FAILING:
            one.silent_until = now + one.pause
            one.pause = min(LONGEST_PAUSE_S, 2 * one.pause)
            often = f" ({fresh} times since the last word of it)" if fresh > 1 else ""
            words = f"{name} left something undone: {one.detail}{often}"
            return [Failed("", "service", words), changed]


def _shown(name: str, one: Condition) -> ServiceChanged:
    detail = "" if one.state is ServiceState.WELL else one.detail
    return ServiceChanged(name, one.state, one.faults, detail)
