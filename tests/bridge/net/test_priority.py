from __future__ import annotations

import os
import sys
import threading

import pytest

from mula_bridge.net import behind_others


def test_work_behind_others_is_done_in_another_thread_before_it_returns() -> None:
    assert behind_others(threading.get_ident) != threading.get_ident()


def test_what_the_work_raises_is_raised() -> None:
    def work() -> None:
        raise ValueError("of the work")

    with pytest.raises(ValueError, match="of the work"):
        behind_others(work)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the place of a thread")
def test_the_work_lets_all_others_go_first_and_the_caller_stays_in_its_place() -> None:
    before = os.sched_getscheduler(0)
    assert behind_others(lambda: os.sched_getscheduler(0)) == os.SCHED_IDLE
    assert os.sched_getscheduler(0) == before
