"""The machine code of our kernels for every kind of card that they serve, without one."""

from __future__ import annotations

import logging
import os

import pytest

from mula_daemon.engine.lm import kernels

pytest.importorskip("triton", reason="needs triton, which comes with torch for NVIDIA cards")

from support.kernel_builds import LAUNCHERS, SHARED, builds

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="nothing is compiled"),
]

CAPABILITIES = (80, 86, 89, 90, 100, 120)
WIDEST = ("gate and up in bfloat16", "gate and up in int4", "the local decoder's first two")
"""What takes most registers and memory, for the cards that differ from others in little."""
CASES = [
    (name, capability)
    for capability in CAPABILITIES
    for name in LAUNCHERS
    if capability in (80, 90) or name in WIDEST
]

log = logging.getLogger(__name__)


@pytest.mark.parametrize(("name", "capability"), CASES)
def test_a_kernel_spills_nothing_and_fits_every_card(name: str, capability: int) -> None:
    for build in builds(name, capability):
        log.info("sm_%d, %s: %s", capability, name, build)
        assert build.stack == build.local == 0, build
        assert build.shared <= SHARED, build


@pytest.mark.parametrize("form", ["bfloat16", "int8", "int4"])
def test_weights_come_in_long_runs_and_meet_matrix_units(form: str) -> None:
    (build,) = builds(f"gate and up in {form}", 80)
    assert build.count(r"LDGSTS\S*\.128") > 0  # 16 bytes a thread, while others compute
    assert build.count(r"HMMA\.16816\.F32\.BF16") > 0
    assert build.count("FFMA") < 200  # the squares of the norm, and no product


def test_the_oldest_that_is_served_is_the_oldest_compiled_for() -> None:
    assert divmod(min(CAPABILITIES), 10) == kernels.OLDEST
