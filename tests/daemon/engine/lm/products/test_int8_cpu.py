"""Our int8 product for CPUs against whole numbers in float64."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mula_daemon.engine.lm.products import int8_llvm
from mula_daemon.engine.lm.products.int8_cpu import ROWS, Int8LlvmProduct
from mula_daemon.engine.lm.products.quantise import quantise_int8

KERNEL = int8_llvm.kernel()
pytestmark = pytest.mark.skipif(KERNEL is None, reason="needs llvmlite, and torch's OpenMP")


def product_of(weight: Tensor) -> Int8LlvmProduct:
    assert KERNEL is not None
    return Int8LlvmProduct(weight, KERNEL)


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def exact(weight: Tensor, x: Tensor) -> Tensor:
    """The product with rounded weights and inputs as they are."""
    levels, scales = quantise_int8(weight)
    return x.double() @ (levels.double() * scales.double()[:, None]).t()


@given(
    rows=st.integers(1, 9),
    columns=st.integers(1, 23),
    steps=st.integers(1, 9),
    loud=st.floats(1e-6, 1e6),
    seed=st.integers(0, 99),
)
def test_inputs_lose_next_to_nothing(
    rows: int, columns: int, steps: int, loud: float, seed: int
) -> None:
    depth = 16 * steps
    weight, x = normal(columns, depth, seed=seed), normal(rows, depth, seed=seed + 1) * loud
    wanted = exact(weight, x)
    # A level at most, 2**-15 of the largest, for each input, and float32's own roundings.
    room = (x.abs().amax(1, keepdim=True) * weight.abs().sum(1)).double() / 2**15
    assert ((product_of(weight)(x) - wanted).abs() <= room).all()


@pytest.mark.parametrize("columns", [1, 4, 8197])
@pytest.mark.parametrize("rows", [1, 2, 3, 2 * ROWS + 3])
def test_results_go_where_they_are_wanted_and_nowhere_else(rows: int, columns: int) -> None:
    product, x = product_of(normal(columns, 32)), normal(rows, 32)
    wanted = product(x)
    frame = torch.full((rows + 2, columns + 5), 7.0)
    inside = frame[1:-1, 2 : 2 + columns]
    product.into(inside, x)
    assert torch.equal(inside, wanted)
    assert product.add(inside, x) is inside
    assert torch.equal(inside, wanted + wanted)
    inside.fill_(7.0)
    assert (frame == 7.0).all()


def test_a_row_does_not_hear_of_the_others() -> None:
    product = product_of(normal(40, 768))
    x = normal(2 * ROWS + 1, 768) * torch.logspace(-3, 3, 2 * ROWS + 1)[:, None]
    together = product(x)
    for row in (0, 1, 5, ROWS, 2 * ROWS):
        assert torch.equal(product(x[row : row + 1])[0], together[row])
    assert torch.equal(product(x[:, None].expand(-1, 2, -1)[:, 1]), together)  # with gaps


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_any_number_of_threads_makes_the_same(rows: int) -> None:
    product, x = product_of(normal(1030, 768)), normal(rows, 768)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(product(x))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[0], results[1]) and torch.equal(results[0], results[2])


@pytest.mark.parametrize("depth", [16, 768, 8192, 14336])
def test_the_largest_sums_have_room(depth: int) -> None:
    x = torch.full((2, depth), -3.0)
    out = product_of(torch.full((5, depth), 0.02))(x)
    torch.testing.assert_close(out, torch.full((2, 5), -0.06 * depth))


def test_nothing_and_next_to_nothing_stay_so() -> None:
    product = product_of(normal(6, 32))
    x = torch.zeros(3, 32)
    x[1] = 1e-44
    assert not product(x).any()


@pytest.mark.parametrize("what", [torch.nan, torch.inf, -torch.inf], ids=["nan", "inf", "-inf"])
def test_what_is_no_number_is_not_made_one(what: float) -> None:
    x = normal(3, 32)
    x[1, 5] = what
    out = product_of(normal(6, 32))(x)
    assert not out[1].isfinite().any() and out[::2].isfinite().all()


def test_wrong_shapes_never_reach_the_kernel() -> None:
    product = product_of(normal(6, 32))
    for out, x in (
        (torch.empty(2, 6), normal(2, 16)),
        (torch.empty(2, 5), normal(2, 32)),
        (torch.empty(1, 6), normal(2, 32)),
        (torch.empty(6, 2).t(), normal(2, 32)),
        (torch.empty(2, 6), normal(2, 32).double()),
    ):
        with pytest.raises(AssertionError):
            product.into(out, x)
