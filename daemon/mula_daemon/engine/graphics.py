"""Which processor this build of torch can compute on, and what keeps it from a card that is there.

Its functions import torch. None of them raises, whatever a driver answers.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import subprocess
import warnings
from typing import Final

from mula_daemon.engine.findings import Finding, Grade

PATIENCE_S: Final = 5.0
"""How long a driver's own program may take to answer."""
SELECTOR: Final = "https://pytorch.org/get-started/locally"
_INDEX: Final = "https://download.pytorch.org/whl"
_OLD: Final = (7, 5)
"""Wheels for CUDA 13 begin here (Turing); those for 12.6 are the last with older cards."""
_ARCH: Final = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")


def best_device() -> str:
    """cuda, mps or cpu: the first that this torch can compute on. ROCm is called cuda, too."""
    import torch

    if _cuda_is_there() and cuda_trouble() is None:
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def gpu_trouble() -> Finding | None:
    """Why a card that is there cannot be used, with the remedy; None when none is known of."""
    import torch

    if _cuda_is_there():
        return cuda_trouble()
    if torch.backends.mps.is_available():
        return None
    if shutil.which("nvidia-smi"):
        return _unused_nvidia()
    if torch.version.hip is None and _which("rocm-smi", "rocminfo", "amd-smi"):
        return _warn(
            f"torch {torch.__version__} is built without ROCm, and this machine has an AMD card",
            f"install torch for ROCm, as {SELECTOR} says",
        )
    return _unused_apple() if platform.system() == "Darwin" else None


def cuda_trouble() -> Finding | None:
    """Why the NVIDIA card that torch sees is of no use to it; None when it is."""
    import torch

    if torch.version.hip is not None:  # which calls its architectures otherwise
        return None
    try:
        capability = torch.cuda.get_device_capability()
        built_for = torch.cuda.get_arch_list()
    except Exception as error:  # drivers fail in many ways
        return _warn(
            f"{_build()} finds a card and cannot use it ({_flat(error)})",
            "restart the machine, update the card's driver, or use --device cpu",
        )
    if runs_on(built_for, capability):
        return None
    return _warn(
        f"{_build()} is not built for {_name()} (sm_{capability[0]}{capability[1]}; it has "
        f"{', '.join(built_for)})",
        _install(capability),
    )


def runs_on(built_for: list[str], capability: tuple[int, int]) -> bool:
    """Whether code for the architectures ``built_for`` runs on a card of that ``capability``.

    Machine code runs on later cards of the same major number, ``compute_`` code on all later ones;
    with an ``a`` it runs on that very one, with an ``f`` on its family (CUDA C++ Programming Guide,
    Application Compatibility). What is not known is taken to run.
    """
    known = [found for found in map(_ARCH.fullmatch, built_for) if found]
    for found in known:
        kind, major, minor, special = found.groups()
        arch = int(major), int(minor)
        if special == "a":
            fits = arch == capability
        elif kind == "sm" or special == "f":
            fits = arch[0] == capability[0] and arch[1] <= capability[1]
        else:
            fits = arch <= capability
        if fits:
            return True
    return not known


def _cuda_is_there() -> bool:
    import torch

    with warnings.catch_warnings():  # what it would warn of is told in our words
        warnings.simplefilter("ignore")
        try:
            return torch.cuda.is_available()
        except Exception:  # as above
            return False


def _unused_nvidia() -> Finding:
    import torch

    if torch.version.cuda is None:
        return _warn(
            f"torch {torch.__version__} is built without CUDA, and this machine has an NVIDIA card",
            _install(_asked_capability()),
        )
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in ("", "-1", "NoDevFiles"):
        return _warn(
            f"CUDA_VISIBLE_DEVICES={hidden} hides the NVIDIA card", "unset CUDA_VISIBLE_DEVICES"
        )
    return _warn(
        f"{_build()} cannot use the NVIDIA card ({_why_cuda_fails()})",
        "update the NVIDIA driver (https://www.nvidia.com/drivers) and restart, or install torch "
        f"for an older CUDA: pip install --force-reinstall torch --index-url {_INDEX}/cu126",
    )


def _unused_apple() -> Finding | None:
    import torch

    if platform.machine() != "arm64" and "Apple" in platform.processor():
        return _warn("this Python is for Intel and runs translated", "install Python for arm64")
    if platform.machine() != "arm64":
        return None
    if not torch.backends.mps.is_built():
        return _warn(
            f"torch {torch.__version__} is built without MPS",
            "pip install --force-reinstall torch",
        )
    return _warn("this macOS has no MPS that torch can use", "update macOS")


def _build() -> str:
    import torch

    cuda = f" (CUDA {torch.version.cuda})" if torch.version.cuda else ""
    return f"torch {torch.__version__}{cuda}"


def _name() -> str:
    import torch

    with contextlib.suppress(Exception):  # drivers fail in many ways
        return torch.cuda.get_device_name()
    return "this card"


def _why_cuda_fails() -> str:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.cuda.current_device()
        except Exception as error:  # which is what is wanted
            return _flat(error)
    return "it finds none"


def _asked_capability() -> tuple[int, int] | None:
    """What the driver's own program says of the first card; None when it does not."""
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        said = subprocess.run(
            ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=PATIENCE_S, check=True, errors="replace",
        ).stdout.split()  # fmt: skip
        major, minor = said[0].split(".") if said else ("", "")
        return int(major), int(minor)
    return None


def _install(capability: tuple[int, int] | None) -> str:
    command = f"pip install --force-reinstall torch --index-url {_INDEX}/"
    if capability is None:
        return f"{command}cu130 (cu126 for cards before the RTX 20 series)"
    return command + ("cu126" if capability < _OLD else "cu130")


def _which(*programs: str) -> bool:
    return any(shutil.which(program) for program in programs)


def _warn(text: str, remedy: str) -> Finding:
    return Finding("gpu", Grade.WARN, text, remedy)


def _flat(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": ")
