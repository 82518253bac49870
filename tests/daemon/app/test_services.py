"""What fails in a service is told with a limit; so is that it is well again, or dead."""

from __future__ import annotations

from itertools import pairwise

from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import Failed, Report, ServiceChanged, StatusReport
from mula_bridge.control.messages.states import EngineState, ServiceState
from mula_bridge.control.service import Task
from mula_daemon.app.services import LONGEST_PAUSE_S, WELL_S, Services

ALICE = Origin("osc", ("127.0.0.1", 9000))


class Tended:
    """One service that is looked after, at a time that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.told: list[tuple[Report, Origin | None]] = []
        self.services = Services(self._publish, lambda: self.now)
        self.task = Task("shelves", lambda: None)
        self.services.tend(self.task)

    def _publish(
        self, report: Report, *, to: Origin | None = None, by: Origin | None = None
    ) -> None:
        self.told.append((report, to))

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            self.task.stumble("a move", OSError("the disk is gone"))

    def die(self) -> None:
        self.task.on_death(self.task, "running", OSError("the disk is gone"))

    def after(self, seconds: float) -> list[Report]:
        """What everybody is told at the tick so much later."""
        self.now += seconds
        self.told.clear()
        self.services.tick()
        return [report for report, to in self.told if to is None]


def failing(faults: int, often: str = "") -> list[Report]:
    what = "a move: OSError('the disk is gone')"
    return [
        Failed("", "service", f"shelves left something undone: {what}{often}"),
        ServiceChanged("shelves", ServiceState.FAILING, faults, what),
    ]


def test_a_fault_is_told_once_and_then_that_all_is_well() -> None:
    tended = Tended()
    assert tended.after(1) == []
    tended.fail()
    assert tended.after(0.1) == failing(1)
    assert tended.after(0.1) == []
    assert tended.after(WELL_S) == [ServiceChanged("shelves", ServiceState.WELL, 1)]
    assert tended.after(WELL_S) == []


def test_a_thousand_faults_are_a_few_words_that_say_how_many() -> None:
    tended = Tended()
    told: list[Report] = []
    for _ in range(100):
        tended.fail(10)
        told += tended.after(0.01)
    assert told == failing(10, " (10 times since the last word of it)")
    assert tended.after(0.5) == failing(1000, " (990 times since the last word of it)")


def test_what_goes_on_failing_is_told_in_ever_longer_steps() -> None:
    tended = Tended()
    said_at = []
    for second in range(300):
        tended.fail()
        if any(isinstance(report, Failed) for report in tended.after(1)):
            said_at.append(second)
    steps = [later - sooner for sooner, later in pairwise(said_at)]
    assert steps[:5] == [1, 2, 4, 8, 16]
    assert set(steps[5:]) == {LONGEST_PAUSE_S}


def test_after_a_long_quiet_time_a_fault_is_told_at_once_again() -> None:
    tended = Tended()
    for _ in range(20):
        tended.fail()
        tended.after(1)
    tended.after(100)
    tended.fail()
    assert tended.after(0.25) == failing(21)


def test_one_that_is_dead_says_so_and_stays_it() -> None:
    tended = Tended()
    tended.fail(5)
    tended.die()
    ended = "OSError('the disk is gone'); restart mula run"
    assert tended.after(0.1) == [
        Failed("", "service", f"shelves ended: {ended}"),
        ServiceChanged("shelves", ServiceState.DEAD, 5, ended),
    ]
    assert tended.after(100) == []
    assert tended.services.dead == ("shelves",)


def test_a_session_that_dies_says_so_itself() -> None:
    tended = Tended()
    session = Task("session", lambda: None)
    tended.services.tend(session)
    session.on_death(session, "running", RuntimeError("a bug"))
    assert ServiceChanged(
        "session", ServiceState.DEAD, 0, "RuntimeError('a bug'); restart mula run"
    ) in [report for report, _ in tended.told]


def test_who_asks_for_the_status_hears_of_every_service_that_failed() -> None:
    tended = Tended()
    status = StatusReport("tone", EngineState.READY, "", 0, 0, 0)
    tended.services.report(status, to=ALICE, but=None)
    assert tended.told == []
    tended.fail()
    tended.after(WELL_S + 1)
    tended.told.clear()
    tended.services.report(status, to=ALICE, but=None)
    tended.services.report(status, to=None, but=None)
    assert tended.told == [(ServiceChanged("shelves", ServiceState.WELL, 1), ALICE)]


def test_who_asks_for_everything_hears_the_same() -> None:
    tended = Tended()
    tended.die()
    tended.services.dump(ALICE)
    assert [(report.state, to) for report, to in changes(tended)] == [(ServiceState.DEAD, ALICE)]


def changes(tended: Tended) -> list[tuple[ServiceChanged, Origin | None]]:
    return [(report, to) for report, to in tended.told if isinstance(report, ServiceChanged)]
