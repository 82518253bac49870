"""Three minutes in which everything around the daemon fails, and nothing is lost."""

from __future__ import annotations

import json

import pytest

from mula_daemon.bench.soak.injections import INJECTIONS
from mula_daemon.cli import main
from support.jack_server import why_no_jack


def test_a_kind_of_fault_that_there_is_not_is_refused_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "soak", "--only", "locusts"])
    said = capsys.readouterr().err
    assert "'locusts'" in said
    assert all(kind in said for kind in INJECTIONS)


@pytest.mark.slow
@pytest.mark.jack
@pytest.mark.timeout(420)
@pytest.mark.skipif(bool(why_no_jack()), reason=why_no_jack() or "jack")
def test_a_soak_of_three_minutes_recovers_from_all_and_loses_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = main(["bench", "soak", "--minutes", "3", "--engine", "tone", "--every", "6"])
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["lost"] == []
    assert figures["recovered"] == sum(figures["faults"].values()) >= 15
    assert status == 0
