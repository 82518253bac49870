"""Our kernels for NVIDIA cards, in Triton: what a frame does between one matrix and the next.

A frame of a few rows reads weights and does little else, so each kernel does all that it can
beside one reading. A layer is five of them, and one more where the cache is long: norm, queries,
keys and values; their turning, the cache and attention; the product behind it, added; norm, gate
and up; down, added. They need Triton, and may be launched where `serve` says so. Everything that
they do has a plain form, which is what they are tested against, and tried against once a process.
"""

from __future__ import annotations

import importlib.util
import logging
from functools import cache
from typing import Final

import torch

from mula_daemon.engine.lm.kernels.attention import mix
from mula_daemon.engine.lm.kernels.few_rows import GROUP, Weights, pack_int4, product
from mula_daemon.engine.lm.kernels.norm import unit
from mula_daemon.engine.lm.kernels.steps import Steps
from mula_daemon.engine.lm.kernels.trial import failed

__all__ = [
    "GROUP", "OLDEST", "Steps", "Weights", "are_meant_for", "mix", "pack_int4", "product", "serve",
    "unit",
]  # fmt: skip

OLDEST: Final = (8, 0)
"""The first compute capability with bfloat16 matrix units: for those before, the kernels would be
compiled to a thousand scalar products that spill their registers."""

log = logging.getLogger(__name__)


def serve(device: torch.device) -> bool:
    """Whether products and attention on ``device`` may be these kernels."""
    return are_meant_for(device) and are_right(device)


def are_meant_for(device: torch.device) -> bool:
    """Whether ``device`` is of the kind that the kernels were written for."""
    if device.type != "cuda" or not has_triton():
        return False
    return torch.cuda.get_device_capability(device) >= OLDEST


@cache
def has_triton() -> bool:
    """Triton is installed, as it is with torch for NVIDIA cards on Linux."""
    if importlib.util.find_spec("triton") is not None:
        return True
    log.warning(
        "frames take longer here than they need to, with int8 weights longer than with bfloat16: "
        "there is no Triton. On Windows, the package triton-windows has it"
    )
    return False


@cache
def are_right(device: torch.device) -> bool:
    """The kernels can be compiled for ``device``, and make there what they should."""
    try:
        wrong = failed(device)
    except Exception as error:  # whatever a compiler that is missing or too old raises
        log.warning(
            "frames take longer here than they need to: Triton cannot compile (%s). "
            "It wants a C compiler, and the headers of this Python",
            error,
        )
        return False
    if wrong:
        log.warning(
            "frames take longer here than they need to: the kernel for %s makes something else "
            "than it should on this card, so none of them is used. mula bench gpu tells more",
            wrong,
        )
    return not wrong
