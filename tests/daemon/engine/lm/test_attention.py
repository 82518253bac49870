"""Attention of one position against softmax written out in float64."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.engine.lm.attention import attend


@given(
    rows=st.integers(1, 9),
    heads=st.integers(1, 4),
    group=st.integers(1, 4),
    head=st.sampled_from([8, 16, 64, 128]),
    slots=st.integers(1, 70),
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
    assert attend(query, keys.mT, values, bias, mixed) is mixed
    torch.testing.assert_close(mixed.double(), wanted, atol=1e-5, rtol=1e-5)
