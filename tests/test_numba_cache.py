"""Where numba of a test keeps what it compiles."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from support.numba_cache import take_numba_cache


def test_each_process_has_its_own_and_a_later_run_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "before")  # and again after this test

    def taken() -> tuple[int, str]:
        return take_numba_cache(tmp_path), Path(os.environ["NUMBA_CACHE_DIR"]).name

    one, first = taken()
    other, second = taken()
    os.close(one)
    later, third = taken()
    os.close(other)
    os.close(later)
    assert (first, second, third) == ("0", "1", "0")


def test_it_goes_with_the_environment_that_it_was_compiled_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "before")
    os.close(take_numba_cache())
    assert Path(sys.prefix) in Path(os.environ["NUMBA_CACHE_DIR"]).parents
