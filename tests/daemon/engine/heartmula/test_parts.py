"""Files of a checkpoint that are not what their names say: each is named, with a reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from mula_daemon.engine.heartmula.checkpoint import tensors
from mula_daemon.engine.heartmula.layout import ReleaseLayout, find_layout
from mula_daemon.engine.heartmula.model.engine import HeartMulaEngine
from mula_daemon.engine.heartmula.parts import INDEX, SINGLE, CheckpointError, require_sound, shards
from mula_daemon.weights import CODEC, MODEL, flaw, tensors_of
from mula_daemon.weights.pull import begin

REFERENCE = Path(__file__).parents[3] / "data" / "heartmula_reference"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9085657\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    hidden = shutil.ignore_patterns("expected*")
    return Path(shutil.copytree(REFERENCE, tmp_path / "release", ignore=hidden))


def test_a_whole_release_is_sound(root: Path) -> None:
    layout = find_layout(root)
    assert layout == ReleaseLayout(root, root / MODEL, root / CODEC)
    require_sound(layout)


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "gen_config.json", f"{MODEL}/config.json", f"{CODEC}/config.json",
             f"{MODEL}/{SINGLE}", f"{CODEC}/{SINGLE}"],
)  # fmt: skip
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (POINTER, "is a Git LFS pointer, not the file itself"),
        (b"", "is empty"),
        (b"<!doctype html><p>404", "is a web page"),
        (b"GGUF\x03\0\0\0", "is a GGUF file"),
        (b'{"a": 1', "is no"),
        (b"\xff\xfe{\0}\0", "is no"),
    ],
    ids=["pointer", "empty", "page", "gguf", "cut", "utf-16"],
)
def test_a_file_that_is_something_else_is_named_with_what_it_is(
    root: Path, name: str, content: bytes, words: str
) -> None:
    layout = ReleaseLayout(root, root / MODEL, root / CODEC)
    (root / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=words) as found:
        require_sound(layout)
    assert str(root / name) in str(found.value)
    assert "mula pull heartmula" in str(found.value)


def test_the_engine_looks_before_it_loads(root: Path) -> None:
    (root / "tokenizer.json").write_bytes(POINTER)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is a Git LFS pointer"):
        HeartMulaEngine(root, device="cpu").warm_up()


def test_a_byte_order_mark_is_no_fault(root: Path) -> None:
    path = root / "gen_config.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    require_sound(find_layout(root))


def test_two_sets_of_weights_are_refused(root: Path) -> None:
    (root / MODEL / INDEX).write_text(json.dumps({"weight_map": {"a": "old.safetensors"}}))
    shutil.copy(root / MODEL / SINGLE, root / MODEL / "old.safetensors")
    for reading in (lambda: shards(root / MODEL), lambda: list(tensors(root / MODEL))):
        with pytest.raises(CheckpointError, match="two sets of weights") as found:
            reading()
    assert "mula pull" in str(found.value)
    (root / MODEL / INDEX).write_text(json.dumps({"weight_map": {"a": SINGLE}}))
    assert shards(root / MODEL) == [root / MODEL / SINGLE]


def test_files_of_the_system_are_no_weights(root: Path) -> None:
    (root / MODEL / f"._{SINGLE}").write_bytes(b"\0\5\26\7a Mac's")
    (root / MODEL / ".DS_Store").write_bytes(b"x")
    require_sound(find_layout(root))
    (root / MODEL / INDEX).write_text(json.dumps({"weight_map": {"a": f"._{SINGLE}"}}))
    with pytest.raises(CheckpointError, match="no safetensors beside it"):
        shards(root / MODEL)


def test_a_pull_that_was_broken_off_between_two_releases_is_told(root: Path) -> None:
    begin(root, {"a/b": "two"}, replacing=True)
    with pytest.raises(CheckpointError, match="broken off"):
        require_sound(find_layout(root))
    begin(root, {"a/b": "one"}, replacing=False)
    require_sound(find_layout(root))


def keys(*names: str, dtype: torch.dtype = torch.uint8) -> Callable[[Path], None]:
    def repack(folder: Path) -> None:
        extra = {name: torch.zeros(4, dtype=dtype) for name in names}
        save_file(load_file(folder / SINGLE) | extra, folder / SINGLE)

    return repack


def config(**values: object) -> Callable[[Path], None]:
    def repack(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return repack


def gguf(folder: Path) -> None:
    (folder / SINGLE).unlink()
    (folder / "heartmula-Q4_K_M.gguf").write_bytes(b"GGUF\x03")


@pytest.mark.parametrize(
    ("repack", "kind"),
    [
        (keys("l.weight.absmax", "l.weight.quant_state.bitsandbytes__nf4"), "NF4"),
        (keys("l.weight.SCB"), "8-bit"),
        (keys("l.qweight", "l.qzeros", "l.scales", dtype=torch.int32), "AWQ or GPTQ"),
        (keys("l.g_idx", dtype=torch.int32), "GPTQ"),
        (keys("l.weight_scale_inv", dtype=torch.float32), "FP8"),
        (keys("l.weight", dtype=torch.float8_e4m3fn), "F8_E4M3"),
        (keys("l.weight", dtype=torch.int8), "I8"),
        (config(quantization_config={"quant_method": "awq", "bits": 4}), "AWQ"),
        (config(quantization_config={"quant_method": "gptq"}), "GPTQ"),
        (
            config(
                quantization_config={"quant_method": "bitsandbytes", "bnb_4bit_quant_type": "nf4"}
            ),
            "NF4",
        ),
        (config(quantization={"group_size": 64, "bits": 4}), "MLX"),
        (gguf, "GGUF"),
    ],
    ids=["nf4", "int8", "awq", "gptq", "fp8", "f8", "i8", "awq-config", "gptq-config",
         "nf4-config", "mlx-config", "gguf"],
)  # fmt: skip
@pytest.mark.parametrize("part", [MODEL, CODEC])
def test_a_quantised_repack_is_called_one(
    root: Path, repack: Callable[[Path], None], kind: str, part: str
) -> None:
    repack(root / part)
    with pytest.raises(CheckpointError, match=f"{kind}.* repack") as found:
        require_sound(find_layout(root))
    assert "--precision" in str(found.value)
    assert "of two models" not in str(found.value)


def test_a_disk_that_cannot_read_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rot(path: Path, *_: object) -> None:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr("mula_daemon.engine.heartmula.parts.flaw", rot)
    with pytest.raises(CheckpointError, match=r"Input/output error.* see to its disk"):
        require_sound(find_layout(root))


def test_a_disk_that_fails_while_weights_are_read_is_told(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("mula_daemon.engine.heartmula.checkpoint.safe_open", fail)
    with pytest.raises(CheckpointError, match=r"model\.safetensors .*Input/output error"):
        list(tensors(root / MODEL))


@given(content=st.binary(max_size=200), name=st.sampled_from(["a.json", "a.safetensors"]))
def test_no_content_makes_a_glance_fail(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("glance") / name
    path.write_bytes(content)
    said = flaw(path)
    assert said is None or said.startswith(("is ", "holds "))


@given(header=st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(
        st.sampled_from(["w", "data_offsets", "__metadata__", "dtype"]), some, max_size=3),
))  # fmt: skip
def test_no_header_makes_a_glance_fail(
    tmp_path_factory: pytest.TempPathFactory, header: object
) -> None:
    path = tmp_path_factory.mktemp("glance") / "a.safetensors"
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    if flaw(path) is None:
        assert isinstance(tensors_of(path), dict)
