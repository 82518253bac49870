"""How takes are ranked, and what is said of them."""

from __future__ import annotations

from mula_daemon.beats.fit import Fit, ranking

GOOD = Fit(120.0, 4, 1, 120.5, 4.0, 9.0, 1.0, 0.2, 20.0, trimmed=True)
FAR = Fit(120.0, 4, 1, 127.0, 2.0, 5.0, 1.0, 0.2, 20.0, trimmed=True)
NONE = Fit(120.0, 4, 1, None, problem="no beat was found")
LOOSE = Fit(120.0, 4, 1, 120.0, 60.0, 190.0, 0.4, problem="its beats stray 60 ms")


def test_takes_are_ranked_by_tempo_and_drift_and_those_without_a_beat_come_last() -> None:
    said = ranking([NONE, FAR, LOOSE, GOOD])
    assert [part.split()[0] for part in said.split(": ")[1].split("; ")] == ["4", "2", "1", "3"]


def test_a_sentence_has_what_was_found_and_what_was_asked() -> None:
    said = GOOD.sentence(2, 4)
    assert all(part in said for part in ("take 2", "4 bars", "120.50 BPM", "asked 120", "4 ms"))


def test_fewer_bars_than_asked_are_said_so() -> None:
    assert "3 of 4 bars" in GOOD.sentence(1, 3)


def test_a_take_that_stays_as_it_is_has_its_reason() -> None:
    assert NONE.sentence(1, 4).endswith("no beat was found")
    assert "stray 60 ms" in LOOSE.sentence(1, 4)
