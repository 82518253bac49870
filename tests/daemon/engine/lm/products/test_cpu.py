"""Packed products against the product they stand for."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from mula_daemon.engine.lm.precision import Precision
from mula_daemon.engine.lm.products import CACHED, DenseProduct, Product, cpu, pack

CPU = torch.device("cpu")
ERRORS = {  # relative L2 that normal weights and inputs may have
    Precision.FLOAT32: 1e-6,
    Precision.BFLOAT16: 4e-4,
    Precision.INT8: 0.01,
    Precision.INT4: 0.12,
}


def distance(ours: Tensor, exact: Tensor) -> float:
    return float((ours - exact).norm() / exact.norm())


def weight_of(columns: int, depth: int) -> Tensor:
    return torch.randn(columns, depth, generator=torch.Generator().manual_seed(1)) * 0.02


@pytest.mark.parametrize("precision", Precision)
@pytest.mark.parametrize(("columns", "depth"), [(512, 768), (67, 48), (8197, 64)])
@pytest.mark.parametrize("rows", [1, 2, 3, 70])
def test_every_precision_is_as_close_as_its_bits(
    precision: Precision, columns: int, depth: int, rows: int
) -> None:
    weight = weight_of(columns, depth)
    x = torch.randn(rows, depth, generator=torch.Generator().manual_seed(2))
    product = pack(weight, precision, CPU)
    out = product(x)
    assert out.dtype == torch.float32 and out.shape == (rows, columns)
    assert distance(out.double(), x.double() @ weight.double().t()) < ERRORS[precision]


@pytest.mark.parametrize("precision", Precision)
def test_results_go_where_they_are_wanted(precision: Precision) -> None:
    product = pack(weight_of(512, 768), precision, CPU)
    x, total = torch.randn(2, 768), torch.randn(2, 512)
    wanted = total + product(x)
    assert product.add(total, x) is total
    torch.testing.assert_close(total, wanted)
    product.into(total, x)
    torch.testing.assert_close(total, product(x))


def test_a_transposed_weight_packs_like_any_other() -> None:
    weight = weight_of(768, 768)
    x = torch.randn(2, 768)
    for precision in Precision:
        straight, turned = (
            pack(w, precision, CPU)(x) for w in (weight, weight.t().contiguous().t())
        )
        assert torch.equal(straight, turned)


def test_finer_weights_take_the_room_they_say() -> None:
    sizes = [pack(weight_of(1024, 768), precision, CPU).nbytes for precision in Precision]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 4 * 1024 * 768


def test_small_matrices_stay_as_they_are() -> None:
    product = pack(weight_of(CACHED // 256, 256), Precision.FLOAT32, CPU)
    assert isinstance(product, DenseProduct)


def test_a_missing_kernel_is_met_by_finer_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    def kind(precision: Precision, columns: int = 1024) -> str:
        product: Product = pack(weight_of(columns, 768), precision, CPU)
        return product.kind

    assert kind(Precision.INT4, columns=1023) == "int8"  # not in tiles
    assert isinstance(pack(weight_of(64, 67), Precision.INT8, CPU), cpu.CpuInt8Product)  # in steps
    monkeypatch.setattr(cpu, "kernel", lambda: None)
    assert isinstance(pack(weight_of(64, 48), Precision.INT8, CPU), cpu.CpuInt8Product)
    monkeypatch.setattr(cpu, "engines", list)
    assert kind(Precision.INT8) == kind(Precision.BFLOAT16) == "float32"
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert isinstance(pack(weight_of(1024, 768), Precision.INT8, CPU), DenseProduct)


@pytest.fixture
def measured() -> Iterator[None]:
    """What `cpu.overflows` has found is forgotten before and after."""
    cpu.overflows.cache_clear()
    yield
    cpu.overflows.cache_clear()


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize("wide", [True, False])
def test_torchs_int8_has_inputs_of_8_bits_where_their_sums_have_room(
    wide: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def linear(x: Tensor, weight: Tensor, seven: bool) -> Tensor:
        """What such a processor gives: neighbours saturate at 16 bits, unless it is ``wide``."""
        asked.append(seven)
        top = 127 if seven else 255
        levels = (x / x.amax() * top).round()
        pairs = (levels[:, None] * weight.round() * 127).unflatten(-1, (-1, 2)).sum(-1)
        total = pairs if wide else pairs.clamp(max=2**15 - 1)
        return total.sum(-1) / top / 127

    monkeypatch.setattr(cpu, "fbgemm_int8", lambda weight: weight)
    monkeypatch.setattr(torch.ops.quantized, "linear_dynamic", linear)
    product = cpu.CpuInt8Product(torch.ones(8, 16))
    torch.testing.assert_close(product(torch.ones(1, 16)), torch.full((1, 8), 16.0))
    assert asked == [False, not wide]


def test_this_processor_is_believed_about_its_sums() -> None:
    """The largest inputs and weights, which would show it, come out right."""
    product = cpu.CpuInt8Product(torch.ones(32, 512))
    torch.testing.assert_close(
        product(torch.ones(2, 512)), torch.full((2, 32), 512.0), rtol=0.02, atol=0
    )
