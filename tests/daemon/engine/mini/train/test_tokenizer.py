import json
from importlib.resources import files

from tokenizers import Tokenizer

from mula_daemon.engine.mini.train import tokenizer
from mula_daemon.engine.mini.vocabulary import TEXT_IDS

SHIPPED = (files("mula_daemon.engine.mini.model") / tokenizer.FILE).read_text(encoding="utf-8")


def test_the_shipped_file_is_what_the_code_builds() -> None:
    assert json.loads(SHIPPED) == json.loads(tokenizer.build().to_str())


def test_the_shipped_file_reads_as_the_vocabulary() -> None:
    assert Tokenizer.from_str(SHIPPED).get_vocab() == TEXT_IDS
