"""Settings for every test."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import settings

from support.numba_cache import take_numba_cache

# Machines that build this are shared: how long an example takes says nothing about the code.
settings.register_profile("mula", deadline=None)
settings.load_profile("mula")

_compiled = take_numba_cache()

_BY_THE_CLOCK = ("jack", "puredata", "ardour", "liblo", "clock")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Split the suite between processes: what keeps time never runs beside more of its kind, nor
    beside what is slow.

    All else stays with its file, whose fixtures are made once, or with the group it names. What
    keeps time is tried once more when it fails, and pytest's closing lines tell: a shared machine
    may stand still for longer than any music does.
    """
    for item in items:
        timed = any(item.get_closest_marker(name) for name in _BY_THE_CLOCK)
        group = "clock" if timed or item.get_closest_marker("slow") else item.path.stem
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group))
        if timed:
            item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2))
