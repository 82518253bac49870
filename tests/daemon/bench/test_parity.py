"""The parity bench: passes on the reference, on one of other sizes, and fails when it should."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mula_daemon.bench.parity import main, run
from mula_daemon.engine.heartmula.checkpoint import read_special_ids
from mula_daemon.engine.heartmula.model.prompt import PromptEncoder
from mula_daemon.engine.lm.language_model import Flavour, LanguageModel, LMConfig

REFERENCE = Path(__file__).parents[2] / "data" / "heartmula_reference"
OTHER = LMConfig(
    Flavour(2, 6, 3, 48, 80, 8192),
    Flavour(1, 2, 2, 40, 56, 2048),
    text_vocab=512,
    audio_vocab=30,
    codebooks=4,
    muq_dim=12,
    rope_theta=10_000.0,
    rope_scale=8.0,
    norm_eps=1e-4,
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the engine has it for small matrices; others only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def short(tmp_path: Path) -> Path:
    """The reference with its two shortest cases, and none of the codec's."""
    folder = Path(shutil.copytree(REFERENCE, tmp_path / "reference"))
    (folder / "expected_codec.json").unlink()
    cases = json.loads((folder / "expected_lm.json").read_text())
    (folder / "expected_lm.json").write_text(json.dumps(cases[3:5]))
    return folder


def test_the_reference_is_met(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--reference", str(REFERENCE)]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["cases"] == figures["frames_identical"] == figures["prompts_identical"] == 7
    assert figures["max_logit_diff"] < 1e-4
    assert figures["codec_cases"] == 1
    assert figures["codec_rel_l2"] < 1e-5


@pytest.mark.skipif("MULA_REFERENCE" not in os.environ, reason="MULA_REFERENCE names no folder")
def test_the_whole_reference_is_met() -> None:
    figures = run(Path(os.environ["MULA_REFERENCE"]))
    assert figures["passed"]
    assert figures["codec_cases"] > 1


def spoil_frame(tensors: dict[str, Tensor]) -> None:
    tensors["case4.frames"][3, 20] += 1


def spoil_logit(tensors: dict[str, Tensor]) -> None:
    tensors["case4.logits_first4_frames"][2, 5, 1, 9] += 2e-4


def spoil_prompt(tensors: dict[str, Tensor]) -> None:
    tensors["case4.prompt_text_tokens"][2] += 1


@pytest.mark.parametrize("spoil", [spoil_frame, spoil_logit, spoil_prompt])
def test_any_difference_fails(short: Path, spoil: Any) -> None:
    assert run(short)["passed"]
    tensors = load_file(short / "expected_lm.safetensors")
    spoil(tensors)
    save_file(tensors, short / "expected_lm.safetensors")
    assert main(["--reference", str(short)]) == 1


def spoil_wav(tensors: dict[str, Tensor]) -> None:
    tensors["codec0.wav"] *= 1.002


def shorten_wav(tensors: dict[str, Tensor]) -> None:
    tensors["codec0.wav"] = tensors["codec0.wav"][:, 1:].contiguous()


def spoil_noise(tensors: dict[str, Tensor]) -> None:
    tensors["codec0.randn1"][0, :5] += 1.0


@pytest.mark.parametrize("spoil", [spoil_wav, shorten_wav, spoil_noise])
def test_a_codec_that_differs_fails(
    short: Path, spoil: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "codec_cases" not in run(short)
    shutil.copy(REFERENCE / "expected_codec.json", short)
    tensors = load_file(short / "expected_codec.safetensors")
    spoil(tensors)
    save_file(tensors, short / "expected_codec.safetensors")
    assert main(["--reference", str(short)]) == 1
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["frames_identical"] == 2
    assert figures["codec_cases"] == 1
    assert 1e-3 < figures["codec_rel_l2"] <= 1.0


def test_a_codec_without_weights_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(shutil.copytree(REFERENCE, tmp_path / "reference"))
    (folder / "HeartCodec-oss" / "model.safetensors").unlink()
    (folder / "expected_lm.json").write_text("[]")
    assert main(["--reference", str(folder)]) == 1
    assert "HeartCodec-oss/model.safetensors" in capsys.readouterr().err


def test_an_incomplete_folder_fails(short: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (short / "gen_config.json").unlink()
    assert main(["--reference", str(short)]) == 1
    assert "gen_config.json" in capsys.readouterr().err


def greedy(
    model: LanguageModel, ids: list[int], reserved: int, cfg: float, frames: int, eos: int
) -> tuple[Tensor, Tensor]:
    """Frames [C, T] and first logits [<=4, C, 2, V], without caches and one code at a time."""
    text = torch.tensor(ids).expand(2, -1)
    rows = torch.tensor([[False], [True]])
    x = model.embed_prompt(text, torch.arange(len(ids)) == reserved, rows)
    played: list[Tensor] = []
    logits: list[Tensor] = []
    while len(played) < frames:
        hidden = model.backbone_hidden(x)[:, -1]
        codes = torch.zeros(2, model.config.codebooks, dtype=torch.int64)
        for codebook in range(model.config.codebooks):
            c, u = found = model.frame_logits(hidden, codes)[:, codebook]
            codes[:, codebook] = (u + cfg * (c - u)).argmax()
        found = model.frame_logits(hidden, codes)  # [2, C, V]
        logits.append(found.transpose(0, 1))
        if played and (codes >= eos).any():
            break
        played.append(codes[0])
        x = torch.cat([x, model.embed_frames(codes)[:, None]], dim=1)
    return torch.stack(played, dim=1), torch.stack(logits[:4])


def test_a_reference_of_other_sizes(tmp_path: Path) -> None:
    torch.manual_seed(11)
    model = LanguageModel(OTHER).requires_grad_(False)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.normal_(std=0.25)
    folder = tmp_path / "HeartMuLa-oss-3B"
    folder.mkdir()
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"text_vocab_size": 512, "muq_dim": 12}))
    shutil.copy(REFERENCE / "tokenizer.json", tmp_path)
    special = {"text_bos_id": 0, "text_eos_id": 1, "audio_eos_id": 27, "empty_id": 5}
    (tmp_path / "gen_config.json").write_text(json.dumps(special))
    special_ids = read_special_ids(tmp_path)
    encoder = PromptEncoder.from_file(tmp_path / "tokenizer.json", special_ids)

    b, d = OTHER.backbone, OTHER.decoder
    dims = {"V": OTHER.audio_vocab, "C": OTHER.codebooks}
    for letter, f in (("b", b), ("d", d)):
        dims |= {f"{letter}l": f.layers, f"{letter}h": f.heads, f"{letter}kv": f.kv_heads}
        dims |= {f"{letter}d": f.width, f"{letter}i": f.feed_forward}
    cases, tensors = [], {}
    for index, (tags, cfg) in enumerate([("house", 1.0), ("jazz", 2.0), ("metal,dark", -0.5)]):
        name, prompt = f"case{index}", encoder.encode(tags, "la la")
        ids = [*prompt.tags_ids, special_ids.empty, *prompt.lyrics_ids]
        frames, logits = greedy(model, ids, len(prompt.tags_ids), cfg, 40, 27)
        tensors[f"{name}.prompt_text_tokens"] = torch.tensor(ids)
        tensors[f"{name}.frames"] = frames.contiguous()
        tensors[f"{name}.logits_first4_frames"] = logits.contiguous()
        cases.append(
            {"name": name, "dims": dims, "tags": tags, "lyrics": "la la", "cfg_scale": cfg}
            | {"rope_base": 10_000, "rope_scale_factor": 8, "norm_eps": 1e-4}
            | {"temperature": 1.0, "topk": 1, "max_frames": 40, "n_frames": frames.shape[1]}
        )
    assert min(int(case["n_frames"]) for case in cases) < 40  # one of them meets its end
    save_file(tensors, tmp_path / "expected_lm.safetensors")
    (tmp_path / "expected_lm.json").write_text(json.dumps(cases))
    assert run(tmp_path)["passed"]
