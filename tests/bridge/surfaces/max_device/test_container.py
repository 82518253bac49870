"""The .amxd files: read back by a parser written from the format, and by somebody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mula_bridge.surfaces.max_device.container import DeviceKind, frozen, unfrozen
from support.amxd import read_amxd

PATCHER = {"patcher": {"boxes": [], "lines": [], "description": "zürich ♯"}}
scripts = st.dictionaries(
    st.from_regex(r"[a-z_]{1,12}\.js", fullmatch=True), st.binary(max_size=60), max_size=4
)


@pytest.mark.parametrize(("kind", "code", "meta"), [("AUDIO_EFFECT", "aaaa", 0),
                                                    ("MIDI_EFFECT", "mmmm", 1)])  # fmt: skip
def test_an_unfrozen_device_is_its_patcher(kind: str, code: str, meta: int) -> None:
    device = read_amxd(unfrozen(DeviceKind[kind], PATCHER))
    assert (device.code, device.meta, device.members) == (code, meta, [])
    assert device.patcher == PATCHER["patcher"]


@settings(max_examples=30)
@given(scripts)
def test_a_frozen_device_carries_its_scripts(texts: dict[str, bytes]) -> None:
    device = read_amxd(frozen(DeviceKind.AUDIO_EFFECT, "Some Device.amxd", PATCHER, texts))
    itself, *others = device.members
    assert device.patcher == PATCHER["patcher"]
    assert (itself.name, itself.kind, itself.flag) == ("Some Device.amxd", "JSON", 0x11)
    assert [(one.name, one.kind, one.flag) for one in others] == [(t, "TEXT", 0) for t in texts]
    assert [one.data for one in others] == list(texts.values())


def test_frozen_or_not_it_is_the_same_patch() -> None:
    plain = unfrozen(DeviceKind.MIDI_EFFECT, PATCHER)
    inside = read_amxd(frozen(DeviceKind.MIDI_EFFECT, "x.amxd", PATCHER, {})).members[0].data
    assert plain.endswith(inside)
    assert len(plain) == 32 + len(inside)


def test_its_date_is_a_date() -> None:
    member = read_amxd(frozen(DeviceKind.AUDIO_EFFECT, "x.amxd", PATCHER, {})).members[0]
    date = datetime(1904, 1, 1, tzinfo=UTC) + timedelta(seconds=member.date)
    assert date.year in range(2024, 2028)


def test_m4l_builder_reads_it(tmp_path: Path) -> None:
    m4l = pytest.importorskip("m4l_builder.device")
    patcher = {"patcher": {"boxes": [{"box": {"id": "obj-1"}}], "lines": [], "devicewidth": 12.0}}
    path = tmp_path / "x.amxd"
    path.write_bytes(unfrozen(DeviceKind.AUDIO_EFFECT, patcher))
    device = m4l.Device.from_amxd(str(path))
    assert device.device_type == "audio_effect"
    assert device.boxes == patcher["patcher"]["boxes"]
