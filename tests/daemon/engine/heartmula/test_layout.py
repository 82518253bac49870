"""Folders that are a release, half of one, and something else."""

import shutil
from pathlib import Path

import pytest

from mula_bridge.errors import Unavailable
from mula_daemon.engine.heartmula.layout import find_layout
from mula_daemon.weights.releases import CODEC, MODEL

REFERENCE = Path(__file__).parents[3] / "data" / "heartmula_reference"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "release"
    for name in (MODEL, CODEC):
        (made / name).mkdir(parents=True)
        shutil.copy(REFERENCE / name / "config.json", made / name)
    for name in ("gen_config.json", "tokenizer.json"):
        shutil.copy(REFERENCE / name, made)
    return made


def test_the_published_layout(root: Path) -> None:
    layout = find_layout(root)
    assert (layout.model, layout.codec) == (root / MODEL, root / CODEC)


def test_folders_named_after_the_repositories(root: Path) -> None:
    (root / MODEL).rename(root / "HeartMuLa-oss-3B-happy-new-year")
    (root / CODEC).rename(root / "HeartCodec-oss-20260123")
    layout = find_layout(root)
    assert layout.model.name == "HeartMuLa-oss-3B-happy-new-year"
    assert layout.codec.name == "HeartCodec-oss-20260123"


def test_half_a_release_is_told_from_the_whole(root: Path) -> None:
    with pytest.raises(Unavailable, match=f"--checkpoint {root}$"):
        find_layout(root / MODEL)


def test_a_part_that_is_missing_is_named_with_the_command(root: Path) -> None:
    shutil.rmtree(root / CODEC)
    (root / "tokenizer.json").unlink()
    with pytest.raises(Unavailable) as found:
        find_layout(root)
    said = str(found.value)
    assert "no tokenizer.json, no HeartCodec-oss/config.json" in said
    assert f"mula pull heartmula --into {root}" in said


def test_a_foreign_folder_and_none_at_all(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    with pytest.raises(Unavailable, match="no HeartMuLa release"):
        find_layout(tmp_path)
    with pytest.raises(Unavailable, match="no folder"):
        find_layout(tmp_path / "nowhere")
