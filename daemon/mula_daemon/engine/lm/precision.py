"""How finely the weights are kept. Engine process only."""

from __future__ import annotations

from enum import StrEnum

import torch

from mula_bridge.errors import BadInput, UnknownName


class Precision(StrEnum):
    """Bytes of a weight in the backbone: 4, 2, 1 or a half; see `inside` and `heads` for the rest.

    Logits, guidance and sampling are float32 throughout. What stands behind each name depends on
    the device: see `products.pack`.
    """

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"
    INT4 = "int4"

    @property
    def inside(self) -> Precision:
        """That of the local decoder, which decides seven codes of eight: never below one byte."""
        return Precision.INT8 if self is Precision.INT4 else self

    def heads(self, device: torch.device) -> Precision:
        """That of the heads: never below two bytes, but one on a CPU, whose inputs are exact."""
        if device.type == "cpu":
            return self.inside
        return self if self is Precision.FLOAT32 else Precision.BFLOAT16

    def arithmetic(self, device: torch.device) -> torch.dtype:
        """The type of hidden states and caches. CPUs calculate in float32 whatever the weights."""
        if self is Precision.FLOAT32 or device.type == "cpu":
            return torch.float32
        return torch.bfloat16

    def storage(self, device: torch.device) -> torch.dtype:
        """The type in which to read a checkpoint that will be packed: 2 bytes unless float32.

        On a CPU 16 bits are float16: its matrix kernels want that, and published weights fit.
        """
        if self is Precision.FLOAT32:
            return torch.float32
        return torch.float16 if device.type == "cpu" else torch.bfloat16


AUTO = "auto"
NAMES = (AUTO, *Precision)


def precision_of(name: str, device: torch.device) -> Precision:
    """The precision called ``name``; ``auto`` (or nothing) means bfloat16, two bytes a weight.

    Raises ``UnknownName``, and ``BadInput`` when ``device`` has no kernels for it.
    """
    if name in ("", AUTO):
        return Precision.BFLOAT16
    try:
        found = Precision(name)
    except ValueError:
        raise UnknownName("precision", name, NAMES) from None
    if device.type == "mps" and found in (Precision.INT8, Precision.INT4):
        raise BadInput(f"precision {name} needs a CPU or an NVIDIA card; on MPS use bfloat16")
    return found
