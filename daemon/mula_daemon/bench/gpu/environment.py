"""What machine this is, and what its card can do at best: the ceilings of everything else."""

from __future__ import annotations

import contextlib
import platform
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import torch

from mula_daemon.bench.card_clock import seconds
from mula_daemon.bench.frame_speed import READ, read_bandwidth
from mula_daemon.bench.gpu.plan import CardQuestions
from mula_daemon.engine.lm import recorder

ASKED: Final = (
    "driver_version", "clocks.sm", "clocks.max.sm", "clocks.mem", "clocks.max.mem", "power.draw",
    "power.limit", "temperature.gpu", "utilization.gpu", "persistence_mode", "mig.mode.current",
)  # fmt: skip
SIDE: Final = 8192
"""Of the matrices that are multiplied."""
SMALL: Final = 1000
"""Kernels in a row, to see what each costs that does next to nothing."""


def measure(asked: CardQuestions) -> dict[str, Any]:
    """Everything that can be asked, and the ceilings."""
    device = torch.device(asked.device)
    figures: dict[str, Any] = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "triton": _version("triton") or _version("triton-windows"),
        "threads": torch.get_num_threads(),
    }
    if device.type == "cuda":
        figures |= _card(device)
    return figures | {"nvidia_smi": _driver(), "ceilings": _ceilings(device, asked.toy)}


def _card(device: torch.device) -> dict[str, Any]:
    found = torch.cuda.get_device_properties(device)
    free, total = torch.cuda.mem_get_info(device)
    return {
        "card": found.name,
        "capability": f"{found.major}.{found.minor}",
        "processors": found.multi_processor_count,
        "cards": torch.cuda.device_count(),
        "built_for": torch.cuda.get_arch_list(),
        "memory_free_gb": round(free / 1e9, 2),
        "memory_total_gb": round(total / 1e9, 2),
    }


def _driver() -> dict[str, str] | str:
    """What the driver's own program says of the first card."""
    if not shutil.which("nvidia-smi"):
        return "not there"
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            ["nvidia-smi", f"--query-gpu={','.join(ASKED)}", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=10, check=True, errors="replace",
        ).stdout.splitlines()  # fmt: skip
        if said:
            return dict(zip(ASKED, (part.strip() for part in said[0].split(",")), strict=False))
    return "says nothing"


def _ceilings(device: torch.device, toy: bool) -> dict[str, float]:
    """GB/s of reading and of copying (what is read and what is written), TFLOP/s of products, and
    what launching costs."""
    figures = {
        "read_gb_per_s": read_bandwidth(device) / 1e9,
        "copy_gb_per_s": _copying(device, 2**24 if toy or device.type == "cpu" else READ),
    }
    for name, dtype, narrow in _kinds():
        figures[f"{name}_tflops"] = _product(device, 256 if toy else SIDE, dtype, narrow)
    figures |= _launching(device)
    return {name: round(value, 3) for name, value in figures.items()}


def _copying(device: torch.device, nbytes: int) -> float:
    source = torch.ones(nbytes // 4, device=device)
    target = torch.empty_like(source)
    return 2 * nbytes / min(seconds(device, lambda: target.copy_(source))) / 1e9


def _kinds() -> Iterator[tuple[str, torch.dtype, bool]]:
    yield "bfloat16", torch.bfloat16, False
    yield "tf32", torch.float32, True
    yield "float32", torch.float32, False


def _product(device: torch.device, side: int, dtype: torch.dtype, narrow: bool) -> float:
    one, other = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = narrow
    try:
        quickest = min(seconds(device, lambda: torch.mm(one, other)))
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    return 2 * side**3 / quickest / 1e12


def _launching(device: torch.device) -> dict[str, float]:
    """Microseconds for each of many small kernels, launched one by one and replayed."""
    x = torch.zeros(16, device=device)

    def many() -> None:
        for _ in range(SMALL):
            x.add_(1.0)

    figures = {"small_kernel_us": min(seconds(device, many)) / SMALL * 1e6}
    record = recorder(device)
    if record is not None:
        figures["small_kernel_in_graph_us"] = min(seconds(device, record(many))) / SMALL * 1e6
    return figures


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
