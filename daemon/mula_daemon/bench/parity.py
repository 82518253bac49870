"""``mula bench parity``: HeartMuLa's language model and codec against reference vectors.

Every case goes through the same `FrameLoop` as a musician's clip, so always on two rows; a case
recorded on one (cfg 1) is compared with the conditional row. The codec hears the noise that was
drawn for the reference. Sizes come from the reference; one without codec cases passes without.
The last line is JSON; the exit status is 1 if any case differs.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from mula_daemon.bench.figures import print_json
from mula_daemon.engine.heartmula.codec import HeartCodec, Noise
from mula_daemon.engine.heartmula.model import (
    CheckpointError,
    PromptEncoder,
    SpecialIds,
    load_language_model,
    read_special_ids,
)
from mula_daemon.engine.lm import (
    CodePolicy,
    Codes,
    Flavour,
    FrameLoop,
    KnobTensors,
    LMConfig,
    Player,
    Record,
    StaticModel,
    recorder,
)
from mula_daemon.weights import CODEC, MODEL

CPU = torch.device("cpu")
BAR = 1e-4  # largest absolute difference of a logit that passes
CODEC_BAR = 1e-3  # largest relative L2 distance of a waveform that passes
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

    def __str__(self) -> str:
        return (
            f"prompt {self.prompt_identical}, frames {self.frames_identical}, "
            f"logits {self.logit_diff:.1e}"
        )


@dataclass(frozen=True)
class CodecResult:
    """How one case of the codec compares; silence would be at a ``rel_l2`` of 1."""

    name: str
    rel_l2: float

    @property
    def passed(self) -> bool:
        return self.rel_l2 <= CODEC_BAR

    def __str__(self) -> str:
        return f"waveform {self.rel_l2:.1e}"


def main(argv: Sequence[str]) -> int:
    """Compare, print one line per case and one JSON line."""
    made = argparse.ArgumentParser(prog="mula bench parity", description=__doc__)
    made.add_argument("--reference", required=True, type=Path, metavar="DIR")
    parsed = made.parse_args(argv)
    try:
        figures = run(parsed.reference, print)
    except (CheckpointError, OSError) as error:
        print(f"cannot read the reference: {error}", file=sys.stderr)
        return 1
    print_json(**figures)
    return 0 if figures["passed"] else 1


def run(
    reference: Path,
    say: Callable[[str], None] = lambda line: None,
    device: torch.device = CPU,
) -> dict[str, Any]:
    """The figures of the JSON line for the folder ``reference``; ``say`` gets a line per case.

    ``cases`` and ``frames_identical`` count cases, ``max_logit_diff`` is absolute, ``passed`` is
    the verdict; with codec cases there are also ``codec_cases``, their count, and
    ``codec_rel_l2``, the largest. Raises `CheckpointError` or ``OSError`` when the folder is
    incomplete.
    """
    results, codec_results = compare(reference, device), compare_codec(reference, device)
    every: list[CaseResult | CodecResult] = [*results, *codec_results]
    for result in every:
        say(f"{result.name}: {'same' if result.passed else 'DIFFERENT'} ({result})")
    figures = {
        "cases": len(results),
        "frames_identical": sum(result.frames_identical for result in results),
        "max_logit_diff": max((result.logit_diff for result in results), default=0.0),
        "prompts_identical": sum(result.prompt_identical for result in results),
        "passed": bool(results) and all(result.passed for result in every),
    }
    if codec_results:
        figures["codec_cases"] = len(codec_results)
        figures["codec_rel_l2"] = max(result.rel_l2 for result in codec_results)
    return figures


def run_recorded(reference: Path, device: torch.device) -> dict[str, Any]:
    """The same for frames that are replayed from graphs, of which only the codes are known."""
    results = compare(reference, device, recorder(device))
    return {
        "cases": len(results),
        "frames_identical": sum(result.frames_identical for result in results),
        "passed": bool(results) and all(result.passed for result in results),
    }


def compare(
    reference: Path, device: torch.device = CPU, record: Record | None = None
) -> list[CaseResult]:
    """Every case of ``reference/expected_lm.json``, in its order; no logits with ``record``."""
    cases = json.loads((reference / "expected_lm.json").read_text(encoding="utf-8"))
    expected = load_file(reference / "expected_lm.safetensors")
    ids = read_special_ids(reference)
    encoder = PromptEncoder.from_file(reference / "tokenizer.json", ids)
    players: dict[LMConfig, Player] = {}
    results = []
    for case in cases:
        config = _config(reference, case)
        if config not in players:
            model = load_language_model(reference / MODEL, config)
            players[config] = Player(StaticModel(model, device), record)
        results.append(_compare(case, expected, players[config], encoder, ids, record is None))
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
    player: Player,
    encoder: PromptEncoder,
    ids: SpecialIds,
    keep_logits: bool,
) -> CaseResult:
    name = case["name"]
    prompt = encoder.encode(case["tags"], case["lyrics"])
    tokens = [*prompt.tags_ids, ids.empty, *prompt.lyrics_ids]
    frames = expected[f"{name}.frames"].T.numpy()  # [T, C]
    wanted = expected[f"{name}.logits_first4_frames"]  # [first frames, C, R, V]

    most = max(case["max_frames"], len(frames))
    # Like the reference: nothing ruled out, and the end seen on any codebook but not at once.
    loop = FrameLoop(
        player,
        [prompt],
        [0],
        most,
        policy=CodePolicy(eos=ids.audio_eos),
        keep_logits=keep_logits,
    )
    knobs = KnobTensors.create(
        cfg=case["cfg_scale"], temperature=case["temperature"], top_k=case["topk"],
        device=player.model.device,
    )  # fmt: skip
    loop.prefill()
    played: list[Codes] = []
    logits: list[Tensor] = []
    while loop.frame < most:
        codes = loop.step(knobs)
        if loop.logits is not None and len(logits) < len(wanted):
            logits.append(loop.logits.cpu())
        if loop.ended[0]:
            break
        played.append(codes[0])
    furthest = 0.0
    if keep_logits:
        rows = wanted.shape[2]  # 1: recorded without the unconditional row
        ours = torch.stack(logits)[:, :, :rows]  # [first frames, C, R, V]
        furthest = float((ours - wanted[: len(ours)]).abs().max())
    return CaseResult(
        name=name,
        prompt_identical=tokens == expected[f"{name}.prompt_text_tokens"].tolist(),
        frames_identical=np.array_equal(np.array(played), frames),
        logit_diff=furthest,
    )


def compare_codec(reference: Path, device: torch.device = CPU) -> list[CodecResult]:
    """Every case of ``reference/expected_codec.json``, in its order; none without that file."""
    listed = reference / "expected_codec.json"
    if not listed.is_file():
        return []
    expected = load_file(reference / "expected_codec.safetensors")
    codec = HeartCodec.load(reference / CODEC, device)
    cases = json.loads(listed.read_text(encoding="utf-8"))
    return [_compare_codec(case, expected, codec) for case in cases]


def _compare_codec(
    case: Mapping[str, Any], expected: Mapping[str, Tensor], codec: HeartCodec
) -> CodecResult:
    name = case["name"]
    wanted = expected[f"{name}.wav"].T.numpy()  # [S, channels]
    noise = _recorded_noise(name, expected)
    steps, guidance = case["num_steps"], case["guidance_scale"]
    codes = expected[f"{name}.codes"]
    ours = np.concatenate(list(codec.blocks(codes, noise, steps=steps, guidance=guidance)))
    if ours.shape != wanted.shape or not np.isfinite(ours).all():
        return CodecResult(name, 1.0)
    return CodecResult(name, float(np.linalg.norm(ours - wanted) / np.linalg.norm(wanted)))


def _recorded_noise(case: str, expected: Mapping[str, Tensor]) -> Noise:
    """The reference's draws. It draws twice per window, and never uses the first of the two."""
    draws = (expected[f"{case}.randn{2 * window + 1}"] for window in count())
    return lambda latents, width: next(draws)[0]  # [latents, width]
