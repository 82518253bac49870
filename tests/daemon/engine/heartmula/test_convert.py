"""A copy in 16 bits: whole, of what is there now, or not at all."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from mula_bridge.errors import MulaError, Unavailable
from mula_daemon.engine.heartmula import convert as module
from mula_daemon.engine.heartmula.convert import convert
from mula_daemon.engine.heartmula.layout import find_layout
from mula_daemon.engine.heartmula.parts import INDEX, SINGLE, CheckpointError, require_sound
from mula_daemon.weights import CODEC, MODEL, write_record

REFERENCE = Path(__file__).parents[3] / "data" / "heartmula_reference"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    hidden = shutil.ignore_patterns("expected*")
    return Path(shutil.copytree(REFERENCE, tmp_path / "release", ignore=hidden))


def copy(root: Path, commit: str = "one") -> list[str]:
    """Convert beside ``root``, and write the record, as the command does; what was said."""
    said: list[str] = []
    convert(root, target(root), torch.bfloat16, (MODEL,), said.append)
    write_record(target(root), "heartmula", {"a/b": commit}, dtype="bf16")
    return said


def target(root: Path) -> Path:
    return root.with_name(f"{root.name}-bf16")


def shard(folder: Path, scale: float = 1.0) -> None:
    """Two files and an index in place of the one file."""
    weights = load_file(folder / SINGLE)
    names = sorted(weights)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, keys in parts.items():
        save_file({key: weights[key] * scale for key in keys}, folder / file)
    files = {key: file for file, keys in parts.items() for key in keys}
    (folder / INDEX).write_text(json.dumps({"weight_map": files}))
    (folder / SINGLE).unlink()


def is_copy(root: Path) -> bool:
    mine, its = load_file(target(root) / MODEL / SINGLE), load_file(root / MODEL / SINGLE)
    return mine.keys() == its.keys() and all(
        torch.equal(mine[name], its[name].to(torch.bfloat16)) for name in its
    )


def test_a_copy_is_whole_and_made_once(root: Path) -> None:
    assert copy(root)
    assert is_copy(root)
    require_sound(find_layout(target(root)))
    assert copy(root) == []


def test_a_copy_of_new_weights_under_the_same_names_is_made_again(root: Path) -> None:
    copy(root)
    weights = load_file(root / MODEL / SINGLE)
    save_file({name: each + 1 for name, each in weights.items()}, root / MODEL / SINGLE)
    codec = load_file(root / CODEC / SINGLE)
    (root / CODEC / SINGLE).unlink()
    save_file({name: each * 2 for name, each in codec.items()}, root / CODEC / SINGLE)
    said = copy(root, "two")
    assert sorted(said) == [f"converting {CODEC}/{SINGLE}", f"converting {MODEL}/{SINGLE}"]
    assert is_copy(root)
    assert (target(root) / CODEC / SINGLE).read_bytes() == (root / CODEC / SINGLE).read_bytes()


def test_a_copied_file_is_made_again_where_nothing_can_be_linked(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    copy(root)
    assert copy(root) == []
    (root / "tokenizer.json").write_text(
        json.dumps(json.loads((root / "tokenizer.json").read_text()), indent=1)
    )
    assert copy(root) == ["converting tokenizer.json"]


def test_what_the_release_has_no_longer_is_moved_aside_in_the_copy(root: Path) -> None:
    shutil.copytree(root, root.with_name("new"))
    shard(root / MODEL)
    copy(root)
    for path in (root / MODEL).glob("*.safetensors*"):
        path.unlink()
    shutil.copy(root.with_name("new") / MODEL / SINGLE, root / MODEL)
    said = copy(root)
    assert f"moved aside {MODEL}/{INDEX}" in said
    assert is_copy(root)
    names = {path.name for path in (target(root) / MODEL).iterdir()}
    assert names == {
        "config.json", SINGLE, f"{INDEX}.old", "a.safetensors.old", "b.safetensors.old",
    }  # fmt: skip


@pytest.mark.parametrize("part", [MODEL, CODEC])
def test_links_are_followed(root: Path, tmp_path: Path, part: str) -> None:
    shutil.move(root / part, tmp_path / "elsewhere")
    (root / part).symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    copy(root)
    assert is_copy(root)
    require_sound(find_layout(target(root)))


def test_links_to_blobs_are_followed(root: Path, tmp_path: Path) -> None:
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    for number, path in enumerate(sorted(p for p in root.rglob("*") if p.is_file())):
        shutil.move(path, blobs / str(number))
        path.symlink_to(os.path.relpath(blobs / str(number), path.parent))
    copy(root)
    assert is_copy(root)
    assert not any(path.is_symlink() for path in target(root).rglob("*"))
    require_sound(find_layout(target(root)))


def test_a_loop_of_links_ends(root: Path) -> None:
    (root / MODEL / "again").symlink_to(root, target_is_directory=True)
    (root / MODEL / "self").symlink_to(root / MODEL / "self")
    copy(root)
    assert is_copy(root)


def test_weights_that_are_a_link_to_nothing_are_named(root: Path) -> None:
    (root / CODEC / SINGLE).unlink()
    (root / CODEC / SINGLE).symlink_to("gone")
    with pytest.raises(CheckpointError, match="a link that leads nowhere"):
        copy(root)
    assert not target(root).exists()


def test_files_of_the_system_and_unfinished_ones_are_not_copied(root: Path) -> None:
    (root / MODEL / f"._{SINGLE}").write_bytes(b"a Mac's")
    (root / MODEL / f"{SINGLE}.part").write_bytes(b"half")
    (root / MODEL / f"{SINGLE}.old").write_bytes(b"old")
    copy(root)
    assert {path.name for path in (target(root) / MODEL).iterdir()} == {"config.json", SINGLE}


def test_a_shard_that_rotted_at_its_size_is_named_with_the_remedy(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / MODEL / SINGLE
    content = bytearray(path.read_bytes())
    content[8:40] = b"\xff" * 32
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged") as found:
        copy(root)
    assert str(path) in str(found.value)
    assert "mula pull heartmula" in str(found.value)
    # What the header does not show, the library finds: its errors are ours, too.
    monkeypatch.setattr(module, "require_sound", lambda *_, **__: None)
    with pytest.raises(CheckpointError, match="--check fetches it anew"):
        copy(root)


@pytest.mark.parametrize(
    "error",
    [SafetensorError("I/O error: No space left on device (os error 28)"), OSError(28, "No space")],
    ids=["library", "system"],
)
def test_a_full_disk_is_told_and_leaves_nothing_half(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fill(_weights: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"as much as fitted")
        raise error

    with monkeypatch.context() as full:
        full.setattr(module, "save_file", fill)
        with pytest.raises(Unavailable, match=r"cannot be written .*space.* make room"):
            copy(root)
    assert not list(target(root).rglob("*.part"))
    with pytest.raises(MulaError):
        require_sound(find_layout(target(root)))
    copy(root)
    assert is_copy(root)


def test_a_conversion_that_was_broken_off_is_no_checkpoint_until_it_is_done(root: Path) -> None:
    copy(root)
    shutil.copy(root / MODEL / SINGLE, root / "spare")
    os.utime(root / MODEL / SINGLE, ns=(1, 1))
    (root / "spare").unlink()

    def stop(_name: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(root, target(root), torch.bfloat16, (MODEL,), stop)
    with pytest.raises(CheckpointError, match="broken off"):
        require_sound(find_layout(target(root)))
    copy(root)
    require_sound(find_layout(target(root)))


@pytest.mark.parametrize("name", ["tokenizer.json", f"{CODEC}/{SINGLE}"])
def test_an_incomplete_release_is_not_converted(root: Path, name: str) -> None:
    (root / name).unlink()
    with pytest.raises(MulaError, match=r"mula pull|hf download"):
        copy(root)
    assert not target(root).exists()


def test_numbers_that_are_no_weights_are_left_as_they_are(root: Path) -> None:
    weights = load_file(root / MODEL / SINGLE) | {"steps": torch.tensor([7])}
    save_file(weights, root / MODEL / SINGLE)
    copy(root)
    assert load_file(target(root) / MODEL / SINGLE)["steps"].dtype == torch.int64
