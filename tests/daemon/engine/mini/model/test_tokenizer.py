import json
from importlib.resources import files

import pytest
from tokenizers import Tokenizer

from mula_daemon.engine.mini import tags
from mula_daemon.engine.mini.model import tokenizer


def test_the_shipped_file_is_what_the_code_builds() -> None:
    shipped = (files("mula_daemon.engine.mini.model") / tokenizer.FILE).read_text(encoding="utf-8")
    assert json.loads(shipped) == json.loads(tokenizer.build().to_str())


def test_ids_are_dense_and_every_tag_has_one() -> None:
    words = tokenizer.vocabulary()
    assert sorted(words.values()) == list(range(tokenizer.text_vocab()))
    assert set(tags.TAGS) <= set(words)


def test_a_prompt_is_framed_like_the_large_models() -> None:
    words = tokenizer.vocabulary()
    ids = tokenizer.prompt_ids(["techno", "dark"])
    assert ids == [words[w] for w in ("<bos>", "<tag>", "techno", "dark", "</tag>", "<eos>")]
    assert tokenizer.prompt_ids([]) == [words[w] for w in ("<bos>", "<tag>", "</tag>", "<eos>")]
    with pytest.raises(ValueError, match="tekkno"):
        tokenizer.prompt_ids(["tekkno"])


def test_the_clock_counts_eight_bars() -> None:
    assert tokenizer.clock_id(0) == tokenizer.vocabulary()["<clock 0>"]
    assert tokenizer.clock_id(127) - tokenizer.clock_id(0) == 127
    assert tokenizer.clock_id(128) == tokenizer.clock_id(0)
    assert tokenizer.clock_ids(3) == [tokenizer.clock_id(i) for i in range(3)]


def test_the_file_reads_as_a_tokenizers_vocabulary() -> None:
    whole = Tokenizer.from_str(tokenizer.build().to_str())
    assert whole.token_to_id("techno") == tokenizer.vocabulary()["techno"]
