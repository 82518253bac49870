"""Where a job's clips land below the folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.clips.files import is_day, place_of
from mula_daemon.settings.choices import Layout

WHEN = datetime(2026, 11, 25, 22, 13)


@pytest.mark.parametrize(
    ("layout", "place"),
    [("flat", "."), ("date", "2026-11-25"), ("job", "2026-11-25/2213-job7")],
)
def test_each_layout_has_its_place(layout: str, place: str) -> None:
    assert place_of(Layout(layout), "job7", WHEN) == PurePosixPath(place)


@given(st.text(), st.sampled_from(Layout))
def test_no_job_id_leads_out_of_the_folder(job: str, layout: Layout) -> None:
    place = place_of(layout, job, WHEN)
    assert not place.is_absolute()
    assert ".." not in place.parts
    assert len(place.parts) <= 2
    assert not place.parts or is_day(place.parts[0])
