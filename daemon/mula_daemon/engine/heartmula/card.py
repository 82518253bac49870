"""Whether the card that is there is one for HeartMuLa. Imports torch when asked; never raises.

An NVIDIA card is by its compute capability: 8.0 is the A100 and, as 8.6, the RTX 30 series. Below,
there are no bfloat16 units, Triton does not promise to work (its README: 8.0 and later; a product
of ours compiled for 7.5 to code that spills), and torch's int4 kernel refuses.
"""

from __future__ import annotations

import contextlib
from typing import Final

from mula_daemon.engine.findings import Finding, Grade

LEAST: Final = (8, 0)
"""The least compute capability."""


def old_card() -> Finding | None:
    """What is wrong with an NVIDIA card that is too old, and the remedy; None for any other."""
    import torch

    if torch.version.hip is not None:  # which counts its cards otherwise
        return None
    capability, name = LEAST, "this card"
    with contextlib.suppress(Exception):  # drivers fail in many ways, as others say
        if torch.cuda.is_available():
            capability = torch.cuda.get_device_capability()
            name = torch.cuda.get_device_name()
    if capability >= LEAST:
        return None
    major, minor = capability
    return Finding(
        "this card",
        Grade.WARN,
        f"{name} has compute capability {major}.{minor}; HeartMuLa needs {LEAST[0]}.{LEAST[1]} or "
        "more (RTX 30 series, A100 and later) for bfloat16, int8 and int4",
        "use --engine mini, which is in real time without a card, or --device cpu, which is far "
        "from it",
    )
