"""Attention of one position against softmax written out in float64."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.engine.lm import attention_llvm
from mula_daemon.engine.lm.attention import attend, in_one, plain


@given(
    rows=st.integers(1, 9),
    heads=st.integers(1, 4),
    group=st.sampled_from([1, 2, 3]),  # the larger ones are compiled
    head=st.sampled_from([8, 64]),  # 8 has no kernel
    slots=st.integers(1, 140),
    biased=st.booleans(),
    seed=st.integers(0, 99),
)
def test_it_is_the_softmax_of_the_scores(
    rows: int, heads: int, group: int, head: int, slots: int, biased: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    batch = rows * heads

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    # As in a `StackState`: queries lie between keys and values, pairs beside unused slots.
    query = normal(batch, group + 2, head)[:, :group]
    pairs = normal(batch, 2, slots + 3, head)
    keys, values = pairs[:, 0, :slots], pairs[:, 1, :slots]
    bias = None
    scores = query.double() @ keys.double().mT
    if biased:
        written = torch.rand(batch, 1, slots, generator=generator) < 0.7
        written[..., -1] = True
        bias = torch.zeros(batch, 1, slots).masked_fill(~written, -torch.inf)
        scores = scores + bias
    wanted = scores.softmax(-1) @ values.double()
    mixed = torch.full((batch, group, head), torch.nan)
    for how in (attend, plain):
        assert how(query, keys.mT, values, bias, mixed.fill_(torch.nan)) is mixed
        torch.testing.assert_close(mixed.double(), wanted, atol=1e-5, rtol=1e-5)


def caches(batch: int, slots: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Query, keys and values of groups of three."""
    generator = torch.Generator().manual_seed(5)
    query = torch.randn(batch, 3, 64, generator=generator)
    pairs = torch.randn(batch, 2, slots, 64, generator=generator)
    return query, pairs[:, 0].mT, pairs[:, 1]


def test_large_and_far_scores_stay_numbers() -> None:
    query, keys, values = caches(2, 100)
    query *= 40  # scores in the hundreds: all but a few weights are 0
    wanted = plain(query.double(), keys.double(), values.double(), None, query.double().clone())
    mixed = attend(query, keys, values, None, torch.empty_like(query))
    torch.testing.assert_close(mixed.double(), wanted, atol=1e-3, rtol=1e-3)


def test_a_row_does_not_hear_of_the_others_nor_of_the_threads() -> None:
    if attention_llvm.kernel(3, 64) is None:
        pytest.skip("needs llvmlite, and torch's OpenMP")
    query, keys, values = caches(6, 333)
    together = attend(query, keys, values, None, torch.empty_like(query))
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        shared = attend(query, keys, values, None, torch.empty_like(query))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(shared, together)
    for row in range(6):
        one = slice(row, row + 1)
        alone = attend(query[one], keys[one], values[one], None, torch.empty(1, 3, 64))
        assert torch.equal(alone[0], together[row])


def test_wrong_shapes_never_reach_the_kernel() -> None:
    kernel = attention_llvm.kernel(3, 64)
    if kernel is None:
        pytest.skip("needs llvmlite, and torch's OpenMP")
    query, keys, values = caches(2, 32)
    mixed, bias = torch.empty_like(query), torch.zeros(2, 1, 32)
    for wrong in (
        (query, keys[:, :32], values, bias, mixed),
        (query, keys, values[:, :31], bias, mixed),
        (query, keys, values, bias[:, :, :31], mixed),
        (query, keys, values, bias, mixed[:1]),
        (query.mT.contiguous().mT, keys, values, bias, mixed),
        (query, keys.contiguous(), values, bias, mixed),
    ):
        with pytest.raises(AssertionError):
            in_one(kernel, *wrong)


def test_a_model_without_groups_loads_no_compiler() -> None:
    assert attention_llvm.kernel(1, 32) is None
    assert attention_llvm.kernel(3, 40) is None
