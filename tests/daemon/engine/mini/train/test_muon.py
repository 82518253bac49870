import pytest
import torch
from torch import nn

from mula_daemon.engine.mini.train.muon import Muon, orthogonal


def test_singular_values_come_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((3, 32, 32), (2, 48, 16), (1, 16, 48)):
        found = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert ((found > 0.3) & (found < 1.3)).float().mean() > 0.9


def test_it_finds_a_linear_map() -> None:
    torch.manual_seed(0)
    wanted = torch.randn(8, 12)
    layer = nn.Linear(12, 8, bias=False)
    muon = Muon([layer.weight], decay=0.0)

    def miss() -> torch.Tensor:
        x = torch.randn(64, 12)
        return (layer(x) - x @ wanted.T).square().mean()

    before = miss().item()
    for step in range(200):
        layer.zero_grad()
        miss().backward()  # type: ignore[no-untyped-call]
        muon.step(0.1 * (1 - step / 200))
    assert miss().item() < 0.01 * before


def test_a_matrix_without_gradient_is_refused() -> None:
    with pytest.raises(ValueError, match="no gradient"):
        Muon([nn.Linear(2, 2).weight], decay=0.0).step(0.1)
