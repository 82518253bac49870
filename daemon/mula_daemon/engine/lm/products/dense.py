"""What a product is, and the plain one."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor


class Product(ABC):
    """``x -> x @ W`` for a constant W [in, out]. Rows are few: 2 to 16, and prompts in prefill.

    ``kind`` names the form of the weights, ``nbytes`` is what a call reads of them.
    """

    kind: str
    nbytes: int

    @abstractmethod
    def __call__(self, x: Tensor) -> Tensor:
        """[n, in] -> [n, out], new."""

    def wide(self, x: Tensor) -> Tensor:
        """[n, in] -> float32 [n, out], new; where the device can, sums are rounded to nothing else
        on their way."""
        return self(x).float()

    def into(self, out: Tensor, x: Tensor) -> None:
        """Write ``x @ W`` to ``out`` [n, out]."""
        out.copy_(self(x))

    def add(self, total: Tensor, x: Tensor) -> Tensor:
        """``total + x @ W`` [n, out], in the place of ``total``."""
        return total.add_(self(x))


class DenseProduct(Product):
    """The matrix as it is, [in, out]; a transposed view may share the memory of its source."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = matrix
        self.kind = str(matrix.dtype).removeprefix("torch.")
        self.nbytes = matrix.nbytes

    def __call__(self, x: Tensor) -> Tensor:
        return torch.mm(x, self.matrix)

    def wide(self, x: Tensor) -> Tensor:
        if x.is_cuda and x.dtype != torch.float32:  # the only such product that torch has
            return torch.mm(x, self.matrix, out_dtype=torch.float32)
        return self(x).float()

    def into(self, out: Tensor, x: Tensor) -> None:
        torch.mm(x, self.matrix, out=out)

    def add(self, total: Tensor, x: Tensor) -> Tensor:
        return total.addmm_(x, self.matrix)
