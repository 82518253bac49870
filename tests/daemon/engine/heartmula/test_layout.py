"""Folders that are a release, half of one, and something else."""

import shutil
from pathlib import Path

import pytest

from mula_bridge.errors import Unavailable
from mula_daemon.engine.heartmula.layout import ReleaseLayout, find_layout
from mula_daemon.weights.releases import CODEC, MODEL, RELEASES

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
        find_layout(root / CODEC)


def test_one_of_several_models_can_be_named(root: Path) -> None:
    for name in ("HeartMuLa-oss-7B", "HeartMuLa-RL-oss-3B-20260123"):
        shutil.copytree(root / MODEL, root / name)
        assert find_layout(root / name) == ReleaseLayout(root, root / name, root / CODEC)
    shutil.rmtree(root / MODEL)
    with pytest.raises(Unavailable, match=r"several models, .* name one, as in --checkpoint .*B"):
        find_layout(root)


@pytest.mark.parametrize(
    "name",
    ["HeartMuLa-oss-7B", "HeartMuLa-oss-3B-happy-new-year", "HeartMuLa-RL-oss-7B-20261001"],
)
def test_a_model_of_another_size_is_known_by_its_name_alone(root: Path, name: str) -> None:
    (root / MODEL).rename(root / name)
    (root / name / "config.json").write_text("{")
    assert find_layout(root).model == root / name


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


def test_a_whole_release_is_one_whatever_its_folder_is_called(root: Path) -> None:
    for name in (MODEL, CODEC, "HeartMuLa-oss-3B-happy-new-year"):
        root = root.rename(root.with_name(name))
        assert find_layout(root) == ReleaseLayout(root, root / MODEL, root / CODEC)


@pytest.mark.parametrize("name", ["HeartMuLa-RL-oss-3B-20260123", "model", "my finetune", "夜"])
def test_a_model_is_known_by_what_lies_inside(root: Path, name: str) -> None:
    (root / MODEL).rename(root / name)
    (root / CODEC).rename(root / "sound")
    assert find_layout(root) == ReleaseLayout(root, root / name, root / "sound")


def test_names_deceive_and_keys_do_not(root: Path) -> None:
    (root / MODEL).rename(root / "x")
    (root / CODEC).rename(root / MODEL)
    (root / "x").rename(root / CODEC)
    layout = find_layout(root)
    assert (layout.model, layout.codec) == (root / CODEC, root / MODEL)


def test_small_files_in_a_folder_of_their_own(root: Path) -> None:
    (root / "HeartMuLaGen").mkdir()
    for name in ("gen_config.json", "tokenizer.json"):
        (root / name).rename(root / "HeartMuLaGen" / name)
    assert find_layout(root) == ReleaseLayout(root / "HeartMuLaGen", root / MODEL, root / CODEC)


def test_folders_of_an_organisation(root: Path) -> None:
    (root / "HeartMuLa").mkdir()
    for name in (MODEL, CODEC):
        (root / name).rename(root / "HeartMuLa" / name)
    layout = find_layout(root)
    assert (layout.model, layout.codec) == (root / "HeartMuLa" / MODEL, root / "HeartMuLa" / CODEC)


def test_a_release_without_its_small_files_is_not_told_to_pull_another_model(root: Path) -> None:
    (root / MODEL).rename(root / "HeartMuLa-RL-oss-3B-20260123")
    (root / "tokenizer.json").unlink()
    with pytest.raises(Unavailable, match=r"no tokenizer\.json") as found:
        find_layout(root)
    assert "hf download HeartMuLa/HeartMuLaGen" in str(found.value)
    assert "mula pull" not in str(found.value)


def test_two_models_are_named_and_the_usual_one_is_taken(root: Path) -> None:
    shutil.copytree(root / MODEL, root / "other")
    assert find_layout(root).model == root / MODEL
    (root / MODEL).rename(root / "another")
    with pytest.raises(Unavailable, match="several models, another, other"):
        find_layout(root)


def cache(root: Path, at: Path) -> dict[str, Path]:
    """The release as huggingface_hub keeps it: snapshots of links to blobs."""
    made = {}
    for source in RELEASES["heartmula"].sources:
        repo = at / f"models--{source.repo.replace('/', '--')}"
        (repo / "blobs").mkdir(parents=True)
        (repo / "refs").mkdir()
        (repo / "refs" / "main").write_text("c0ffee")
        for commit in ("beef", "c0ffee"):
            snapshot = repo / "snapshots" / commit
            snapshot.mkdir(parents=True)
            for number, path in enumerate(sorted((root / source.folder).glob("*.json"))):
                shutil.copy(path, repo / "blobs" / str(number))
                (snapshot / path.name).symlink_to(Path("..", "..", "blobs", str(number)))
        made[source.folder] = repo
    return made


@pytest.mark.parametrize("named", ["hub", "home", "repo", "snapshot"])
def test_the_cache_of_hugging_face_is_a_release_too(root: Path, tmp_path: Path, named: str) -> None:
    hub = tmp_path / "huggingface" / "hub"
    repos = cache(root, hub)
    ways = {
        "hub": hub, "home": hub.parent, "repo": repos[MODEL],
        "snapshot": repos[CODEC] / "snapshots" / "c0ffee",
    }  # fmt: skip
    layout = find_layout(ways[named])
    for found, folder in ((layout.model, MODEL), (layout.codec, CODEC)):
        assert found == repos[folder] / "snapshots" / "c0ffee"
    assert layout.root.parent == repos[""] / "snapshots"


def test_a_cache_with_a_part_missing_is_not_pulled_into(root: Path, tmp_path: Path) -> None:
    repos = cache(root, tmp_path / "hub")
    shutil.rmtree(repos[CODEC])
    with pytest.raises(Unavailable, match="into a folder of its own") as found:
        find_layout(repos[MODEL] / "snapshots" / "c0ffee")
    assert "--into" not in str(found.value)


def test_one_model_alone_is_called_that(root: Path, tmp_path: Path) -> None:
    lone = tmp_path / "downloads" / "anything"
    shutil.copytree(root / CODEC, lone)
    with pytest.raises(Unavailable, match=f"the codec of a release alone, without .*{MODEL}"):
        find_layout(lone)


def test_a_broken_config_is_known_by_its_folder(root: Path) -> None:
    for content in ("", "{", "version https://git-lfs", "[" * 100_000):
        (root / CODEC / "config.json").write_text(content)
        assert find_layout(root).codec == root / CODEC


def test_a_file_and_a_repack_are_told_what_they_are(root: Path, tmp_path: Path) -> None:
    packed = tmp_path / "repack" / "heartmula-Q4_K_M.GGUF"
    packed.parent.mkdir()
    packed.write_bytes(b"GGUF")
    with pytest.raises(Unavailable, match="is a file; name the folder"):
        find_layout(packed)
    with pytest.raises(Unavailable, match="is a GGUF repack"):
        find_layout(packed.parent)
    packed.rename(packed.with_name(f"._{packed.name}"))  # what a Mac leaves on a foreign disk
    with pytest.raises(Unavailable, match="is no HeartMuLa release"):
        find_layout(packed.parent)


def test_links_are_followed_and_loops_end(root: Path, tmp_path: Path) -> None:
    (root / MODEL).rename(tmp_path / "elsewhere")
    (root / MODEL).symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (root / "loop").symlink_to(root, target_is_directory=True)
    assert find_layout(root) == ReleaseLayout(root, root / MODEL, root / CODEC)


def test_a_folder_nobody_can_read_is_passed_over(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "locked").mkdir()
    real = Path.iterdir

    def refuse(path: Path) -> object:
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert find_layout(root).model == root / MODEL
