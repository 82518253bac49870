"""An engine's silence is counted while somebody listens, and only then."""

from __future__ import annotations

import pytest

from mula_daemon.engine import vigil
from mula_daemon.engine.vigil import Vigil


@pytest.fixture(autouse=True)
def seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigil, "SLICE_S", 1.0)


def looked(watch: Vigil, times: int) -> None:
    for _ in range(times):
        watch.look()


def test_an_engine_is_ended_once_its_patience_is_over() -> None:
    ended: list[str] = []
    watch = Vigil(lambda: ended.append("x"))
    with watch.waiting(5.0):
        looked(watch, 5)
        assert not ended
        looked(watch, 1)
        assert ended == ["x"]
    assert watch.verdict == "it hung: no sign of it for 5 s, so it was ended"


def test_each_sign_starts_the_count_anew() -> None:
    ended: list[str] = []
    watch = Vigil(lambda: ended.append("x"))
    for _ in range(10):
        with watch.waiting(5.0):
            looked(watch, 4)
    assert not ended


def test_while_nobody_listens_no_silence_counts() -> None:
    ended: list[str] = []
    watch = Vigil(lambda: ended.append("x"))
    with watch.waiting(5.0):
        pass
    looked(watch, 100)
    assert not ended


def test_an_end_that_failed_is_tried_again_at_the_next_look() -> None:
    tries: list[str] = []

    def end() -> None:
        tries.append("x")
        if len(tries) == 1:
            raise OSError("no such process")

    watch = Vigil(end)
    with watch.waiting(1800.0):
        looked(watch, 1800)
        with pytest.raises(OSError, match="no such process"):
            watch.look()
        looked(watch, 2)
    assert len(tries) == 2


def test_an_end_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vigil, "SLICE_S", 0.001)
    tries: list[str] = []

    def end() -> None:
        tries.append("x")
        if len(tries) > 1:
            watch.stopping.set()
        raise OSError("no such process")

    watch = Vigil(end)
    with watch.waiting(0.001):
        watch.run()
    assert watch.faults == 2
