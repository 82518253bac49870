"""What can be had of the products for cards without a card; the rest skips."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from mula_daemon.engine.lm import kernels
from mula_daemon.engine.lm.precision import Precision
from mula_daemon.engine.lm.products import KernelProduct, cuda, pack
from mula_daemon.engine.lm.products.cuda import MANY, CudaInt8Product

CPU = torch.device("cpu")


def weight_of(columns: int, depth: int) -> Tensor:
    return torch.randn(columns, depth, generator=torch.Generator().manual_seed(1)) * 0.02


@pytest.mark.parametrize("rows", [1, 2, 70])
def test_int8_without_our_kernel_is_the_same_product(rows: int) -> None:
    weight = weight_of(96, 64)
    x = torch.randn(rows, 64).bfloat16()
    out = CudaInt8Product(weight)(x)
    exact = x.double() @ weight.double().t()
    assert out.dtype == torch.bfloat16
    assert (out - exact).norm() < 0.02 * exact.norm()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton", reason="needs triton, which comes with torch for NVIDIA cards")
    monkeypatch.setattr(kernels, "serve", lambda device: True)


@pytest.mark.parametrize("precision", Precision)
@pytest.mark.usefixtures("served")
def test_where_our_kernels_serve_every_narrow_product_is_one(precision: Precision) -> None:
    product = cuda.pack(weight_of(67, 128), precision, CPU)
    assert isinstance(product, KernelProduct) == (precision is not Precision.FLOAT32)
    if precision is not Precision.BFLOAT16:  # which is float32 on a CPU
        assert product.kind == precision
    assert cuda.pack(weight_of(67, 48), Precision.INT4, CPU).kind == "int8"  # no whole group


@pytest.mark.parametrize("precision", list(Precision)[1:])
@pytest.mark.usefixtures("served")
def test_many_rows_have_their_weights_widened(precision: Precision) -> None:
    weight = weight_of(96, 192)
    x = torch.randn(MANY + 1, 192, generator=torch.Generator().manual_seed(2))
    exact = x.double() @ weight.double().t()
    product = cuda.pack(weight, precision, CPU)
    total = torch.ones(MANY + 1, 96)
    out = torch.empty(MANY + 1, 96)
    product.into(out, x)
    for found in (product(x), out, product.add(total, x) - 1):
        assert (found - exact).norm() < 0.12 * exact.norm()


def test_cards_below_the_oldest_are_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    card = torch.device("cuda", 0)
    monkeypatch.setattr(kernels, "are_right", lambda device: True)
    for capability, expected in (((7, 5), False), ((8, 0), True), ((12, 0), True)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, c=capability: c)
        monkeypatch.setattr(kernels, "has_triton", lambda: True)
        assert kernels.serve(card) == expected
        monkeypatch.setattr(kernels, "has_triton", lambda: False)
        assert not kernels.serve(card)
    assert not kernels.serve(CPU)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """One that nothing is known of but its name."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(kernels, "has_triton", lambda: True)
    kernels.are_right.cache_clear()
    yield torch.device("cuda", 0)
    kernels.are_right.cache_clear()


def test_where_nothing_can_be_compiled_torch_has_the_products(
    card: torch.device, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(device: torch.device) -> str:
        raise RuntimeError("Failed to find C compiler")

    monkeypatch.setattr(kernels, "failed", fail)
    assert not kernels.serve(card)
    assert "C compiler" in caplog.text


def test_where_a_kernel_makes_something_else_torch_has_the_products(
    card: torch.device, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for wrong in ("attention", ""):
        monkeypatch.setattr(kernels, "failed", lambda device, wrong=wrong: wrong)
        assert kernels.serve(card) == (not wrong)
        kernels.are_right.cache_clear()
    assert "the kernel for attention" in caplog.text


@pytest.mark.parametrize("precision", Precision)
@pytest.mark.parametrize(("columns", "depth"), [(1536, 768), (8197, 256), (67, 48)])
@pytest.mark.parametrize("rows", [1, 2, 16, 70])
def test_on_a_card_every_precision_is_as_close_as_its_bits(
    precision: Precision, columns: int, depth: int, rows: int
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA card")
    device = torch.device("cuda")
    weight = weight_of(columns, depth)
    x = torch.randn(rows, depth).to(device, precision.arithmetic(device))
    out = pack(weight, precision, device)(x).double().cpu()
    exact = x.double().cpu() @ weight.double().t()
    assert (out - exact).norm() < 0.12 * exact.norm()
