from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.knobs import KEYS, Knobs
from mula_daemon.clips import naming
from support.takes import make_take

WINDOWS_NAMES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{n}{i}" for n in ("com", "lpt") for i in range(10)),
}


def test_the_name_tells_tags_tempo_key_knobs_seed_and_id() -> None:
    take = make_take(
        tags=("Dark", "Techno"), bpm=128.0, knobs=Knobs({"cfg": 3, "temperature": 1, "top_k": 50})
    )
    assert naming.stem(take) == "dark-techno_128bpm_Amin_cfg3.0_t1.00_k50_s42_abc123"


@pytest.mark.parametrize(
    ("bpm", "text"),
    [(128.0, "128"), (127.5, "128"), (119.87, "120"), (93.333333, "93"), (126.5, "127")],
)
def test_tempos_in_names_are_whole_numbers(bpm: float, text: str) -> None:
    assert naming.tempo(bpm) == text


@pytest.mark.parametrize(
    ("tags", "slug"),
    [
        (("drum and bass",), "drum-and-bass"),
        (("café", "Ünder/ground"), "cafe-under-ground"),
        (("техно",), "clip"),
        ((), "clip"),
        (("140 bpm", "trap"), "trap"),
        (("90.5BPM", "lofi"), "lofi"),
        (("../../etc",), "etc"),
        (("x" * 80,), "x" * 40),
        (("one", "two" * 10, "three" * 8), "one-" + "two" * 10),
    ],
)
def test_slugs_are_plain_words(tags: tuple[str, ...], slug: str) -> None:
    assert naming.slug(tags) == slug


@given(
    st.lists(st.text()).map(tuple),
    st.floats(40, 240),
    st.sampled_from(KEYS),
    st.integers(0, 2**31 - 1),
)
def test_every_name_is_safe_and_its_tempo_is_the_first(
    tags: tuple[str, ...], bpm: float, key: str, seed: int
) -> None:
    name = naming.stem(make_take(tags=tags, bpm=bpm, key=key, seed=seed))
    assert re.fullmatch(r"[a-z0-9][A-Za-z0-9#._-]*[a-z0-9]", name)
    assert len(name) <= 120
    assert name.lower().split(".")[0] not in WINDOWS_NAMES
    found = re.search(r"([\d.]+) ?bpm", name, re.IGNORECASE)
    assert found
    assert found[1].isdigit()
    assert float(found[1]) == pytest.approx(bpm, abs=0.5)
    assert naming.id_of(name) == "abc123"
    assert naming.id_of(f"{name}-2") == "abc123"


def test_names_of_former_versions_still_tell_their_id() -> None:
    assert naming.id_of("dark-techno_119.87bpm_Amin_cfg1.5_t1.00_k50_s42_abc123") == "abc123"


def test_ids_are_short_and_never_taken() -> None:
    ids = {naming.new_id() for _ in range(200)}
    assert all(re.fullmatch(r"[0-9a-z]{6}", found) for found in ids)
    assert len(ids) == 200


def test_a_taken_id_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = iter("aaaaaabbbbbb")
    monkeypatch.setattr(naming.secrets, "choice", lambda _: next(letters))
    assert naming.new_id({"aaaaaa"}) == "bbbbbb"
