"""Our kernels without a card: Triton's interpreter against float64, see `support.kernel_checks`."""

from collections.abc import Callable

import pytest

from support import kernel_checks as checks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    "check",
    [
        checks.ragged_products,
        checks.products_at_true_depths,
        checks.a_head_at_its_true_size,
        checks.attention,
        checks.sums_do_not_depend_on_the_extent,
        checks.norms,
        checks.the_trial,
        checks.whole_steps,
    ],
)
def test_our_kernels_are_exact(check: Callable[[], None]) -> None:
    pytest.importorskip("triton", reason="needs triton, which comes with torch for NVIDIA cards")
    checks.interpreted(check)
