"""int8 weights on CPUs, on our own kernel. Engine process only; any thread."""

from __future__ import annotations

import torch
from torch import Tensor

from mula_daemon.engine.lm.machine_code import MachineCode
from mula_daemon.engine.lm.products.dense import Product
from mula_daemon.engine.lm.products.int8_llvm import COLUMNS, STEP, Int8Job, most
from mula_daemon.engine.lm.products.quantise import quantise_int8

SHARE = 2**17
"""Weights that are worth waking a thread for."""
ROWS = 64
"""Of one job: their levels stay in a core's second cache while the weights go by."""


class Int8LlvmProduct(Product):
    """A scale for every column of weights and for every row of inputs; sums are exact.

    The depth is a multiple of `STEP`. For the many rows of a prefill, where arithmetic counts and
    not memory, this takes a third longer than FBGEMM on AVX2: 16 bits a step against 8.
    """

    kind = "int8"

    def __init__(self, weight: Tensor, kernel: MachineCode) -> None:
        levels, scales = quantise_int8(weight)
        self.columns, self.depth = levels.shape
        blocks = -(-self.columns // COLUMNS)
        padded = torch.zeros(blocks * COLUMNS, self.depth, dtype=torch.int8)
        padded[: self.columns] = levels
        # [block, step, column, 16]: the order in which they are read.
        self._weights = padded.view(blocks, COLUMNS, -1, STEP).transpose(1, 2).contiguous()
        self._scales = torch.zeros(blocks * COLUMNS)
        self._scales[: self.columns] = scales
        self.nbytes = self._weights.nbytes + self._scales.nbytes
        self._kernel = kernel
        self._most = most(self.depth)
        self._threads = max(1, self.nbytes // SHARE)

    def __call__(self, x: Tensor) -> Tensor:
        return self._run(torch.empty(len(x), self.columns), x, add=False)

    def into(self, out: Tensor, x: Tensor) -> None:
        self._run(out, x, add=False)

    def add(self, total: Tensor, x: Tensor) -> Tensor:
        return self._run(total, x, add=True)

    def _run(self, out: Tensor, x: Tensor, add: bool) -> Tensor:
        x = x.contiguous()
        # The kernel writes where it is told: a wrong shape would be somebody else's memory.
        assert x.shape == (len(out), self.depth) and out.shape[1] == self.columns
        assert x.dtype == out.dtype == torch.float32 and out.stride(1) == 1
        for start in range(0, len(x), ROWS):
            rows = min(ROWS, len(x) - start)
            levels = torch.empty((rows + 1) // 2 * 2, self.depth, dtype=torch.int16)
            steps = torch.empty(rows)
            job = Int8Job(
                x[start:].data_ptr(),
                levels.data_ptr(),
                steps.data_ptr(),
                self._weights.data_ptr(),
                self._scales.data_ptr(),
                out[start:].data_ptr(),
                rows,
                self.depth,
                self.columns,
                out.stride(0),
                add,
                self._most,
            )
            self._kernel.run(job, self._threads)
        return out
