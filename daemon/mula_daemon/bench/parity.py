"""``mula bench parity``: HeartMuLa's language model against reference vectors.

Every case goes through the same `FrameLoop` as a musician's clip, so always on two rows; a case
recorded on one (cfg 1) is compared with the conditional row. Sizes come from the reference.
The last line is JSON; the exit status is 1 if any case differs.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from mula_daemon.engine.code_policy import CodePolicy
from mula_daemon.engine.frame_loop import Codes, FrameLoop
from mula_daemon.engine.heartmula.checkpoint import (
    CheckpointError,
    SpecialIds,
    load_language_model,
    read_special_ids,
)
from mula_daemon.engine.heartmula.prompt import PromptEncoder
from mula_daemon.engine.lm import Flavour, LMConfig
from mula_daemon.engine.sampling import KnobTensors
from mula_daemon.engine.static_model import StaticModel

BAR = 1e-4  # largest absolute difference of a logit that passes
MODEL = "HeartMuLa-oss-3B"
SIZES = ("l", "h", "kv", "d", "i")  # of a stack, behind its letter in the reference's dims


@dataclass(frozen=True)
class CaseResult:
    """How one case compares."""

    name: str
    prompt_identical: bool
    frames_identical: bool
    logit_diff: float  # largest absolute difference

    @property
    def passed(self) -> bool:
        return self.prompt_identical and self.frames_identical and self.logit_diff <= BAR


def main(argv: Sequence[str]) -> int:
    """Compare, print one line per case and one JSON line."""
    made = argparse.ArgumentParser(prog="mula bench parity", description=__doc__)
    made.add_argument("--reference", required=True, type=Path, metavar="DIR")
    reference = made.parse_args(argv).reference
    try:
        results = compare(reference)
    except (CheckpointError, OSError) as error:
        print(f"cannot read the reference: {error}", file=sys.stderr)
        return 1
    for result in results:
        print(
            f"{result.name}: {'same' if result.passed else 'DIFFERENT'} "
            f"(prompt {result.prompt_identical}, frames {result.frames_identical}, "
            f"logits {result.logit_diff:.1e})"
        )
    print(json.dumps(summary(results)))
    return 0 if results and all(result.passed for result in results) else 1


def run(reference: Path) -> dict[str, Any]:
    """The figures of the JSON line for the folder ``reference``.

    ``cases`` and ``frames_identical`` count cases, ``max_logit_diff`` is absolute, ``passed`` is
    the verdict. Raises `CheckpointError` or ``OSError`` when the folder is incomplete.
    """
    return summary(compare(reference))


def summary(results: Sequence[CaseResult]) -> dict[str, Any]:
    """Of all cases together."""
    return {
        "cases": len(results),
        "frames_identical": sum(result.frames_identical for result in results),
        "max_logit_diff": max((result.logit_diff for result in results), default=0.0),
        "prompts_identical": sum(result.prompt_identical for result in results),
        "passed": bool(results) and all(result.passed for result in results),
    }


def compare(reference: Path) -> list[CaseResult]:
    """Every case of ``reference/expected_lm.json``, in its order."""
    cases = json.loads((reference / "expected_lm.json").read_text(encoding="utf-8"))
    expected = load_file(reference / "expected_lm.safetensors")
    ids = read_special_ids(reference)
    encoder = PromptEncoder.from_file(reference / "tokenizer.json", ids)
    models: dict[LMConfig, StaticModel] = {}
    results = []
    for case in cases:
        config = _config(reference, case)
        if config not in models:
            models[config] = StaticModel(load_language_model(reference / MODEL, config))
        results.append(_compare(case, expected, models[config], encoder, ids))
    return results


def _config(reference: Path, case: Mapping[str, Any]) -> LMConfig:
    """The sizes a case was recorded with; its vocabulary of text from config.json."""
    dims = case["dims"]
    published = json.loads((reference / MODEL / "config.json").read_text(encoding="utf-8"))

    def flavour(letter: str, positions: int) -> Flavour:
        layers, heads, kv_heads, width, inner = (dims[letter + key] for key in SIZES)
        return Flavour(layers, heads, kv_heads, width, inner, positions)

    return LMConfig(
        backbone=flavour("b", 8192),
        decoder=flavour("d", 2048),
        text_vocab=published["text_vocab_size"],
        audio_vocab=dims["V"],
        codebooks=dims["C"],
        muq_dim=published["muq_dim"],
        rope_theta=float(case["rope_base"]),
        rope_scale=float(case["rope_scale_factor"]),
        norm_eps=float(case["norm_eps"]),
    )


def _compare(
    case: Mapping[str, Any],
    expected: Mapping[str, Tensor],
    model: StaticModel,
    encoder: PromptEncoder,
    ids: SpecialIds,
) -> CaseResult:
    name = case["name"]
    prompt = encoder.encode(case["tags"], case["lyrics"])
    tokens = [*prompt.tags_ids, ids.empty, *prompt.lyrics_ids]
    frames = expected[f"{name}.frames"].T.numpy()  # [T, C]
    wanted = expected[f"{name}.logits_first4_frames"]  # [first frames, C, B, V]

    most = max(case["max_frames"], len(frames))
    # Like the reference: nothing ruled out, and the end seen on any codebook but not at once.
    loop = FrameLoop(
        model, [prompt], [0], most, policy=CodePolicy(eos=ids.audio_eos), keep_logits=True
    )
    knobs = KnobTensors.create(
        cfg=case["cfg_scale"], temperature=case["temperature"], top_k=case["topk"]
    )
    loop.prefill()
    played: list[Codes] = []
    logits: list[Tensor] = []
    while loop.frame < most:
        codes = loop.step(knobs)
        if loop.logits is not None and len(logits) < len(wanted):
            logits.append(loop.logits)
        if loop.ended[0]:
            break
        played.append(codes[0])
    rows = wanted.shape[2]  # 1: recorded without the unconditional row
    ours = torch.stack(logits)[:, :, :rows]  # [first frames, C, B, V]
    return CaseResult(
        name=name,
        prompt_identical=tokens == expected[f"{name}.prompt_text_tokens"].tolist(),
        frames_identical=np.array_equal(np.array(played), frames),
        logit_diff=float((ours - wanted[: len(ours)]).abs().max()),
    )
