"""How the suite is split between processes: see conftest.py."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="the suite runs in one process")
def test_the_groups_reach_whoever_hands_tests_out(request: pytest.FixtureRequest) -> None:
    """Some pairs of pytest and pytest-xdist drop them silently, and what keeps time then meets."""
    assert request.node.nodeid.endswith("@test_groups")


def test_files_of_one_name_are_groups_of_their_own(request: pytest.FixtureRequest) -> None:
    files: dict[str, set[Path]] = defaultdict(set)
    for item in request.session.items:
        marker = item.get_closest_marker("xdist_group")
        assert marker is not None
        files[marker.args[0]].add(item.path)
    shared = {group for group, paths in files.items() if len(paths) > 1}
    assert shared <= {"clock", "librosa"}
