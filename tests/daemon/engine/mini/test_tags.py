import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_daemon.engine.mini.tags import GENRES, TAGS, WORDS, parse_tags


@pytest.mark.parametrize(
    ("typed", "tag"),
    [
        ("dnb", "drum and bass"),
        ("Drum & Bass", "drum and bass"),
        ("jungle", "drum and bass"),
        ("hip hop", "hip-hop"),
        ("hiphop", "hip-hop"),
        ("Boom-Bap", "hip-hop"),
        ("lofi", "lo-fi"),
        ("LO FI", "lo-fi"),
        ("2-step", "uk garage"),
        ("rhodes", "electric piano"),
        ("sax", "saxophone"),
        ("chill", "calm"),
        ("303", "acid bass"),
    ],
)
def test_what_people_type_is_understood(typed: str, tag: str) -> None:
    assert parse_tags([typed]).known == (tag,)


def test_commas_order_and_repeats() -> None:
    reading = parse_tags(["Techno, dark", "TECHNO; acid\npiano", ""])
    assert reading.known == ("techno", "dark", "acid bass", "piano")
    assert reading.unknown == ()
    assert reading.genre == "techno"


def test_a_typo_is_unknown_and_gets_a_suggestion() -> None:
    reading = parse_tags(["tehcno, qqqqq"])
    assert reading.known == ()
    assert reading.unknown == ("tehcno", "qqqqq")
    assert reading.suggestions == {"tehcno": "techno"}
    assert reading.genre is None


def test_every_canonical_tag_means_itself() -> None:
    assert parse_tags(TAGS).known == TAGS
    assert len(set(TAGS)) == len(TAGS)
    assert set(WORDS.values()) == set(TAGS)
    assert len(GENRES) == 16


@given(st.lists(st.text()))
def test_any_text_is_read_and_known_tags_are_canonical(typed: list[str]) -> None:
    assert set(parse_tags(typed).known) <= set(TAGS)


def test_reading_tags_needs_no_torch() -> None:
    code = (
        "import sys; from mula_daemon.engine.mini import tags, tokens; "
        "from mula_daemon.engine.mini.train import material; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_signs_that_nobody_sees_make_no_other_tag() -> None:
    typed = ("\ufeffTechno\u200b", "drum\u00a0and\u3000bass", "lo\u2060-fi\r\ndark")
    assert parse_tags(typed).known == ("techno", "drum and bass", "lo-fi", "dark")
