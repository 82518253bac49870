"""Processes of our own, and those that nobody can end."""

from __future__ import annotations

from multiprocessing.process import BaseProcess
from typing import cast

import pytest

from mula_bridge.net.children import MOST_STUCK, Children
from support.fakes import Unending


def end(children: Children, *processes: Unending) -> None:
    for process in processes:
        children.end(cast("BaseProcess", process), 0.0)


def test_of_those_that_cannot_be_ended_only_a_few_are_left_behind() -> None:
    children = Children()
    left = [Unending() for _ in range(MOST_STUCK)]
    end(children, *left[1:])
    assert not children.stuck
    end(children, left[0])
    assert children.stuck
    left[2].hangs = False  # its driver let it go
    assert not children.stuck


def test_one_that_ends_is_forgotten() -> None:
    children = Children()
    for _ in range(2 * MOST_STUCK):
        well = Unending()
        well.hangs = False
        end(children, well)
    assert not children.stuck


@pytest.mark.parametrize("error", [OSError(3, "no such process"), ValueError("process is closed")])
def test_one_that_has_gone_already_is_no_trouble(error: Exception) -> None:
    class Gone(Unending):
        def kill(self) -> None:
            raise error

    end(Children(), Gone())
