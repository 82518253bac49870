"""Reading a checkpoint folder, whole and broken."""

import json
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mula_bridge.errors import MulaError
from mula_daemon.engine.heartmula.checkpoint import (
    INDEX,
    SINGLE,
    CheckpointError,
    SpecialIds,
    load_language_model,
    read_config,
    read_special_ids,
    tensors,
)
from mula_daemon.engine.lm.language_model import FLAVOURS, Flavour, LMConfig

REFERENCE = Path(__file__).parents[3] / "data" / "heartmula_reference"
MODEL = REFERENCE / "HeartMuLa-oss-3B"
TOY = LMConfig(Flavour(3, 4, 2, 64, 160, 8192), Flavour(2, 2, 1, 48, 96, 2048), 512, 67)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODEL, tmp_path / "model"))


def shard(folder: Path) -> None:
    """Two files and an index in place of the one file."""
    weights = load_file(folder / SINGLE)
    names = sorted(weights)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, keys in parts.items():
        save_file({key: weights[key] for key in keys}, folder / file)
    files = {key: file for file, keys in parts.items() for key in keys}
    (folder / INDEX).write_text(json.dumps({"weight_map": files}))
    (folder / SINGLE).unlink()


@pytest.mark.parametrize("sharded", [False, True])
def test_every_weight_arrives(folder: Path, sharded: bool) -> None:
    if sharded:
        shard(folder)
    state = load_language_model(folder, TOY).state_dict()
    wanted = load_file(MODEL / SINGLE)
    assert state.keys() == wanted.keys()
    assert all(torch.equal(state[name], wanted[name]) for name in wanted)


def test_weights_are_cast_and_need_no_gradient(folder: Path) -> None:
    model = load_language_model(folder, TOY, torch.bfloat16)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert not any(p.requires_grad for p in model.parameters())


def test_sizes_come_from_config_json(folder: Path) -> None:
    names = {"llama-tiny": TOY.backbone, "llama-tiny-decoder": TOY.decoder}
    assert read_config(folder, names) == TOY
    values = json.loads((folder / "config.json").read_text())
    values |= {"backbone_flavor": "llama-3B", "decoder_flavor": "llama-300M"}
    (folder / "config.json").write_text(json.dumps(values))
    assert read_config(folder).backbone == FLAVOURS["llama-3B"]


def test_special_ids() -> None:
    assert read_special_ids(REFERENCE) == SpecialIds(0, 1, 63, 0)


def drop_weights(folder: Path) -> None:
    (folder / SINGLE).unlink()


def drop_shard(folder: Path) -> None:
    shard(folder)
    (folder / "b.safetensors").unlink()


def drop_key(folder: Path) -> None:
    weights = load_file(folder / SINGLE)
    del weights["backbone.norm.scale"]
    save_file(weights, folder / SINGLE)


def add_key(folder: Path) -> None:
    save_file(load_file(folder / SINGLE) | {"lm_head.weight": torch.zeros(1)}, folder / SINGLE)


def reshape_key(folder: Path) -> None:
    save_file(load_file(folder / SINGLE) | {"projection.weight": torch.zeros(2)}, folder / SINGLE)


def damage(folder: Path) -> None:
    (folder / SINGLE).write_bytes(b"not safetensors")


def cut_short(folder: Path) -> None:
    content = (folder / SINGLE).read_bytes()
    (folder / SINGLE).write_bytes(content[: len(content) // 2])


def cut_a_shard_short(folder: Path) -> None:
    shard(folder)
    content = (folder / "b.safetensors").read_bytes()
    (folder / "b.safetensors").write_bytes(content[:-5])


def only_a_pickle(folder: Path) -> None:
    (folder / SINGLE).rename(folder / "pytorch_model.bin")


def break_index(folder: Path) -> None:
    (folder / INDEX).write_text("{")


def empty_index(folder: Path) -> None:
    (folder / INDEX).write_text("{}")


def escape(folder: Path) -> None:
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": "../../secret.safetensors"}}))


def pickle(folder: Path) -> None:
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": "pytorch_model.bin"}}))


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (drop_weights, SINGLE),
        (drop_shard, "b.safetensors"),
        (drop_key, "backbone.norm.scale"),
        (add_key, "lm_head.weight"),
        (reshape_key, "projection.weight"),
        (damage, SINGLE),
        (cut_short, SINGLE),
        (cut_a_shard_short, "b.safetensors"),
        (only_a_pickle, "pytorch_model.bin is a pickle"),
        (break_index, INDEX),
        (empty_index, "weight_map"),
        (escape, "beside"),
        (pickle, "safetensors"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, spoil: Callable[[Path], None], named: str) -> None:
    spoil(folder)
    with pytest.raises(CheckpointError, match=named) as found:
        load_language_model(folder, TOY)
    assert "mula pull heartmula" in str(found.value)


def test_one_weight_is_in_memory_at_a_time(folder: Path) -> None:
    shard(folder)
    before: weakref.ref[torch.Tensor] | None = None
    for _, _, tensor in tensors(folder):
        assert before is None or before() is None
        before = weakref.ref(tensor)
        del tensor


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[]", "object"),
        ("nonsense", "config.json"),
        ('{"backbone_flavor": "llama-9T"}', "llama-9T.*llama-3B"),
        ('{"backbone_flavor": "llama-3B", "decoder_flavor": "llama-300M"}', "text_vocab_size"),
    ],
)
def test_a_bad_config_is_named(folder: Path, text: str, named: str) -> None:
    (folder / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=named):
        read_config(folder)


def test_a_missing_folder_reaches_the_musician(tmp_path: Path) -> None:
    with pytest.raises(MulaError, match=r"config\.json is missing"):
        load_language_model(tmp_path)
