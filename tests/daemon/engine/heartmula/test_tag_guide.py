"""What the guide says of tags; it never refuses."""

import pytest

from mula_daemon.cli.tags import main
from mula_daemon.engine.heartmula.tag_guide import CATEGORIES, advice, category_of


def test_the_eight_categories_with_their_shares() -> None:
    shares = {row.name: row.share for row in CATEGORIES}
    assert shares == {
        "genre": 95, "timbre": 50, "singer": 37, "mood": 32, "instrument": 25, "scene": 20,
        "region": 12, "topic": 10,
    }  # fmt: skip
    assert all(category_of(word) is row for row in CATEGORIES for word in row.words)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (["techno", "dark", "energetic"], []),
        (["Hip Hop"], []),
        ([], ["no tag names a genre;"]),
        (["gabber", "dark"], ["no tag names a genre (unless gabber is one)"]),
        (["techno", "house"], ["techno and house are all genre tags"]),
        (["techno", *"abcdefgh"], ["9 tags are many"]),
    ],
)
def test_advice(tags: list[str], said: list[str]) -> None:
    found = advice(tags)
    assert len(found) == len(said)
    assert all(sentence.startswith(begin) for sentence, begin in zip(found, said, strict=True))


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    both = capsys.readouterr().out
    assert "genres:" in both and "genre       95 %" in both
    assert main(["techno, dark"]) == 0
    assert capsys.readouterr().out == "the guide has nothing to add\n"
    assert main(["--engine", "mini"]) == 0
    assert "95 %" not in capsys.readouterr().out
