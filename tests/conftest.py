"""Settings for every test."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from coverage import Coverage
from hypothesis import settings

from support.numba_cache import take_numba_cache

# Machines that build this are shared: how long an example takes says nothing about the code.
settings.register_profile("mula", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "mula"))

_numba_cache = cache(take_numba_cache)  # once a process

_BY_THE_CLOCK = ("jack", "puredata", "ardour", "liblo", "clock")
_FIRST = ("clock", "librosa")
_LEAST = 19  # the nice value of who goes last
_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before pytest-cov begins in earnest
def pytest_sessionstart() -> None:
    """Have what takes no part in coverage not be traced in pytest-xdist's processes either.

    pytest-cov 7.1 begins there when it is loaded, and once more with the session. It pauses the
    second for a test, and so wakes the first, which nobody reads.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        while (begun := Coverage.current()) is not None:
            begun.stop()


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Split the suite between processes: what keeps time never runs beside more of its kind.

    All else stays with its file, whose fixtures are made once; librosa's tests stay together,
    because each process that needs it compiles it. What takes longest begins first: the clock's
    tests in one process, the slow ones in the other. What keeps time is tried once more when it
    fails, and pytest's closing lines tell: a shared machine may stand still for longer than any
    music does. Coverage is of what `make quick` runs: tracing makes Python take twice as long.
    """
    for item in items:
        group = _group(item)
        item.add_marker(pytest.mark.xdist_group(group))
        if group == "clock":
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))
        if group in _FIRST or item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.no_cover)
    items.sort(key=_place)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Have all else go behind what keeps time, and have what is compiled at hand; in no process
    but the one that needs it, so that a run finds the folder of the one before."""
    if _group(item) != "clock" and "PYTEST_XDIST_WORKER" in os.environ:
        _go_behind()
    if item.get_closest_marker("librosa"):
        _numba_cache()


@cache
def _go_behind() -> None:
    """Let other processes go before this one from now on. What keeps time was there first: it
    never comes after anything else in the same process."""
    if sys.platform != "win32":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, _LEAST)


def _group(item: pytest.Item) -> str:
    if any(item.get_closest_marker(name) for name in _BY_THE_CLOCK):
        return "clock"
    if item.get_closest_marker("librosa"):
        return "librosa"
    return item.path.relative_to(_HERE).with_suffix("").as_posix()


def _place(item: pytest.Item) -> int:
    group = _group(item)
    if group in _FIRST:
        return _FIRST.index(group)
    return len(_FIRST) + (item.get_closest_marker("slow") is None)
