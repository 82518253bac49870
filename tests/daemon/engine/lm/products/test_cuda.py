"""What can be had of the products for cards without a card; the rest skips."""

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from mula_daemon.engine.lm.precision import Precision
from mula_daemon.engine.lm.products import pack
from mula_daemon.engine.lm.products.cuda import CudaInt8Product

KERNEL = """
import torch
from mula_daemon.engine.lm.products.int8_kernel import few_rows
from mula_daemon.engine.lm.products.quantise import quantise_int8
torch.manual_seed(1)
for rows, depth, columns in ((1, 48, 19), (2, 640, 100), (16, 256, 32)):
    x = torch.randn(rows, depth).half()  # the interpreter cannot widen to bfloat16
    levels, scales = quantise_int8(torch.randn(columns, depth))
    exact = x.double() @ (levels.double() * scales.double()[:, None]).t()
    out = few_rows(x, levels, scales)
    assert out.dtype == torch.half and out.shape == (rows, columns)
    distance = ((out.double() - exact).norm() / exact.norm()).item()
    assert distance < 4e-3, distance
"""


def weight_of(columns: int, depth: int) -> Tensor:
    return torch.randn(columns, depth, generator=torch.Generator().manual_seed(1)) * 0.02


@pytest.mark.parametrize("rows", [1, 2, 70])
def test_int8_without_our_kernel_is_the_same_product(rows: int) -> None:
    weight = weight_of(96, 64)
    x = torch.randn(rows, 64).bfloat16()
    out = CudaInt8Product(weight, None)(x)
    exact = x.double() @ weight.double().t()
    assert out.dtype == torch.bfloat16
    assert (out - exact).norm() < 0.02 * exact.norm()


def test_our_kernel_takes_few_rows_and_no_more() -> None:
    asked: list[int] = []

    def kernel(x: Tensor, levels: Tensor, scales: Tensor) -> Tensor:
        asked.append(len(x))
        return torch.zeros(len(x), len(levels))

    product = CudaInt8Product(weight_of(96, 64), kernel)
    for rows in (2, 16, 17):
        product(torch.randn(rows, 64))
    assert asked == [2, 16]


@pytest.mark.slow
def test_the_kernel_in_tritons_interpreter() -> None:
    pytest.importorskip("triton", reason="needs triton, which comes with torch for NVIDIA cards")
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", KERNEL], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


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
