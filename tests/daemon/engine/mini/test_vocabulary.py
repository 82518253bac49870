import json
from importlib.resources import files

import pytest
from tokenizers import Tokenizer

from mula_daemon.engine.mini import tags, vocabulary


def test_the_shipped_file_is_what_the_code_builds() -> None:
    shipped = (files("mula_daemon.engine.mini.model") / vocabulary.FILE).read_text(encoding="utf-8")
    assert json.loads(shipped) == json.loads(vocabulary.build().to_str())


def test_ids_are_dense_and_every_tag_has_one() -> None:
    words = vocabulary.vocabulary()
    assert sorted(words.values()) == list(range(vocabulary.text_vocab()))
    assert set(tags.TAGS) <= set(words)


def test_a_prompt_is_framed_like_the_large_models() -> None:
    words = vocabulary.vocabulary()
    ids = vocabulary.prompt_ids(["techno", "dark"])
    assert ids == [words[w] for w in ("<bos>", "<tag>", "techno", "dark", "</tag>", "<eos>")]
    assert vocabulary.prompt_ids([]) == [words[w] for w in ("<bos>", "<tag>", "</tag>", "<eos>")]
    with pytest.raises(ValueError, match="tekkno"):
        vocabulary.prompt_ids(["tekkno"])


def test_the_clock_counts_eight_bars() -> None:
    assert vocabulary.clock_id(0) == vocabulary.vocabulary()["<clock 0>"]
    assert vocabulary.clock_id(127) - vocabulary.clock_id(0) == 127
    assert vocabulary.clock_id(128) == vocabulary.clock_id(0)
    assert vocabulary.clock_ids(3) == [vocabulary.clock_id(i) for i in range(3)]


def test_the_file_reads_as_a_tokenizers_vocabulary() -> None:
    whole = Tokenizer.from_str(vocabulary.build().to_str())
    assert whole.token_to_id("techno") == vocabulary.vocabulary()["techno"]
