"""The one place from which kernels are launched, so that tests can count them or stand in."""

from __future__ import annotations

from typing import Any


def launch(kernel: Any, grid: tuple[int, ...], *arguments: object, **named: object) -> None:
    """Queue ``kernel`` on the current stream; it is compiled at the first call with its kind of
    arguments, which must not be one that is recorded.

    Fusing products and sums is asked for by name: Triton's own choice differs between versions.
    """
    kernel[grid](*arguments, enable_fp_fusion=True, **named)


def power_of_2(least: int) -> int:
    """The first that is no less: what the length of a kernel's rows has to be."""
    return 1 << (least - 1).bit_length()
