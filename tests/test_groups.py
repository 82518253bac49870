"""How the suite is split between processes: see conftest.py."""

from __future__ import annotations

import os

import pytest


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="the suite runs in one process")
def test_the_groups_reach_whoever_hands_tests_out(request: pytest.FixtureRequest) -> None:
    """Some pairs of pytest and pytest-xdist drop them silently, and what keeps time then meets."""
    assert request.node.nodeid.endswith("@test_groups")
