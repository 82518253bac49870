import subprocess
import sys

import pytest

from mula_daemon.engine.mini import tags, vocabulary
from mula_daemon.engine.mini.vocabulary import TEXT_IDS


def test_ids_are_dense_and_every_tag_has_one() -> None:
    assert list(TEXT_IDS.values()) == list(range(len(TEXT_IDS)))
    assert set(tags.TAGS) <= set(TEXT_IDS)


def test_a_prompt_is_framed_like_the_large_models() -> None:
    ids = vocabulary.prompt_ids(["techno", "dark"])
    assert ids == [TEXT_IDS[w] for w in ("<bos>", "<tag>", "techno", "dark", "</tag>", "<eos>")]
    assert vocabulary.prompt_ids([]) == [TEXT_IDS[w] for w in ("<bos>", "<tag>", "</tag>", "<eos>")]
    with pytest.raises(ValueError, match="tekkno"):
        vocabulary.prompt_ids(["tekkno"])


def test_the_clock_counts_eight_bars() -> None:
    assert vocabulary.clock_id(0) == TEXT_IDS["<clock 0>"]
    assert vocabulary.clock_id(127) - vocabulary.clock_id(0) == 127
    assert vocabulary.clock_id(128) == vocabulary.clock_id(0)
    assert vocabulary.clock_ids(3) == [vocabulary.clock_id(i) for i in range(3)]


@pytest.mark.parametrize(
    ("module", "banned"), [("mini", ("torch", "tokenizers")), ("mini.model", ("tokenizers",))]
)
def test_the_words_need_no_library(module: str, banned: tuple[str, ...]) -> None:
    code = (
        f"import sys, mula_daemon.engine.{module}\n"
        f"print(*(name for name in sys.modules if name in {banned!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
