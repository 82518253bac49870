from __future__ import annotations

import pytest

from mula_bridge.errors import Unavailable
from mula_daemon.bench.waiting import wait_for


def test_what_is_seen_first_is_returned() -> None:
    looks = iter([None, [], ["port"], ["other"]])
    assert wait_for(lambda: next(looks), "never", every_s=0.001) == ["port"]


def test_who_waits_in_vain_is_told_for_what() -> None:
    with pytest.raises(Unavailable, match="no port came"):
        wait_for(lambda: None, "no port came", seconds=0.01, every_s=0.001)
