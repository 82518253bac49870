"""Laws of the prompt, and the reference's own prompts."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from mula_daemon.engine.heartmula.checkpoint import CheckpointError, SpecialIds, read_special_ids
from mula_daemon.engine.heartmula.model.prompt import PromptEncoder

REFERENCE = Path(__file__).parents[4] / "data" / "heartmula_reference"
IDS = read_special_ids(REFERENCE)
ENCODER = PromptEncoder.from_file(REFERENCE / "tokenizer.json", IDS)
CASES = json.loads((REFERENCE / "expected_lm.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_the_references_prompts(case: dict[str, str]) -> None:
    expected = load_file(REFERENCE / "expected_lm.safetensors")
    prompt = ENCODER.encode(case["tags"], case["lyrics"])
    tokens = [*prompt.tags_ids, IDS.empty, *prompt.lyrics_ids]
    assert tokens == expected[f"{case['name']}.prompt_text_tokens"].tolist()


@given(st.text(), st.text())
def test_both_parts_begin_and_end_properly(tags: str, lyrics: str) -> None:
    prompt = ENCODER.encode(tags, lyrics)
    for ids in (prompt.tags_ids, prompt.lyrics_ids):
        assert (ids[0], ids[-1]) == (IDS.text_bos, IDS.text_eos)
    assert prompt.clock is None


@given(st.text(alphabet="abcXYZ ,-", min_size=1))
def test_case_and_wrapping_do_not_matter(tags: str) -> None:
    plain = ENCODER.encode(tags)
    assert ENCODER.encode(tags.upper()) == plain
    assert ENCODER.encode(f"<tag>{tags}</tag>") == plain


def test_texts_that_look_alike_are_one_prompt() -> None:
    plain = ENCODER.encode("lo-fi,café", "[verse]\nnight city\nla")
    typed = ENCODER.encode("\ufefflo-fi,cafe\u0301", "\ufeff[verse] \r\nnight\u00a0city\rla\u200b ")
    assert typed == plain


def test_empty_lyrics_are_bos_and_eos() -> None:
    assert ENCODER.encode("house").lyrics_ids == [IDS.text_bos, IDS.text_eos]


@pytest.mark.parametrize("template", ["$A", "<|begin_of_text|> $A <|end_of_text|>"])
def test_nothing_depends_on_what_the_tokenizer_adds(template: str) -> None:
    tokenizer = Tokenizer.from_file(str(REFERENCE / "tokenizer.json"))
    tokenizer.post_processor = TemplateProcessing(
        single=template, special_tokens=[("<|begin_of_text|>", 0), ("<|end_of_text|>", 1)]
    )
    encoder = PromptEncoder(tokenizer, SpecialIds(0, 1, 63, 0))
    for tags, lyrics in (("House", ""), ("jazz, warm", "[verse]\nla")):
        assert encoder.encode(tags, lyrics) == ENCODER.encode(tags, lyrics)


@pytest.mark.parametrize("text", [None, "{}"])
def test_a_bad_tokenizer_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "tokenizer.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        PromptEncoder.from_file(path, IDS)
