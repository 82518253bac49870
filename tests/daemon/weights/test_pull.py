"""Pulling a release from a hub on this machine: whole, interrupted, refused and full."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mula_bridge.errors import Unavailable, UnknownName
from mula_daemon.cli.pull import main
from mula_daemon.engine.heartmula.layout import find_layout
from mula_daemon.weights.hub import Hub
from mula_daemon.weights.pull import RECORD, pull, read_record
from mula_daemon.weights.releases import (
    CODEC,
    MODEL,
    RELEASES,
    RL_MODEL,
    Release,
    ReleaseSource,
    default_place,
    named_place,
    release,
)
from support.fake_hub import COMMIT, FakeHub, Heard, fake_hub

REFERENCE = Path(__file__).parents[2] / "data" / "heartmula_reference"
ROW = RELEASES["heartmula"]
WEIGHTS = f"{MODEL}/model.safetensors"


def published() -> dict[str, dict[str, bytes]]:
    """The reference checkpoint as three repositories, and a pickle that nobody wants."""
    repos = {}
    for source in ROW.sources:
        folder = REFERENCE / source.folder
        repos[source.repo] = {
            path.name: path.read_bytes()
            for path in folder.iterdir()
            if path.is_file() and not path.name.startswith("expected")
        }
        repos[source.repo] |= {"pytorch_model.bin": b"a pickle", "README.md": b"words"}
    return repos


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub(published()) as server:
        yield server


class Impatient(Heard):
    """Presses Control-C when a megabyte has come."""

    def arrived(self, count: int) -> None:
        super().arrived(count)
        if self.came >= 1 << 20:
            raise KeyboardInterrupt


def fetch(
    server: FakeHub, root: Path, *, row: Release = ROW, tries: int = 3, check: bool = False
) -> Heard:
    heard = Heard()
    pull(row, root, Hub(server.url, tries=tries, pause_s=0.01), heard, check=check)
    return heard


def is_whole(root: Path) -> bool:
    return all(
        (root / source.folder / name).read_bytes() == content
        for source in ROW.sources
        for name, content in published()[source.repo].items()
        if name.endswith((".json", ".safetensors"))
    )


def test_a_pull_brings_all_that_is_wanted_and_no_pickle(hub: FakeHub, tmp_path: Path) -> None:
    heard = fetch(hub, tmp_path / "here")
    assert is_whole(tmp_path / "here")
    assert heard.came == heard.left > 0
    names = {path.name for path in (tmp_path / "here").rglob("*") if path.is_file()}
    assert names == {
        "gen_config.json", "tokenizer.json", "config.json", "model.safetensors", RECORD
    }  # fmt: skip
    assert set(read_record(tmp_path / "here").values()) == {COMMIT}


def test_what_is_there_is_not_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    fetch(hub, tmp_path)
    (tmp_path / WEIGHTS).unlink()
    assert fetch(hub, tmp_path).names == [WEIGHTS]
    assert fetch(hub, tmp_path).names == []


def test_a_broken_connection_goes_on_where_it_broke(hub: FakeHub, tmp_path: Path) -> None:
    hub.cuts, hub.cut_after = 3, 300_000
    heard = fetch(hub, tmp_path, tries=2)
    assert is_whole(tmp_path)
    assert heard.came == heard.left
    starts = [start for name, start in hub.ranges if name == "model.safetensors"]
    assert 0 < starts[1] < starts[2]


def test_an_interrupted_pull_is_resumed_by_the_next_one(hub: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pull(ROW, tmp_path, Hub(hub.url), Impatient())
    (part,) = tmp_path.rglob("*.part")
    have = part.stat().st_size
    assert have > 0 and not (tmp_path / RECORD).exists()
    heard = fetch(hub, tmp_path)
    assert is_whole(tmp_path)
    assert ("model.safetensors", have) in hub.ranges
    assert heard.came == heard.left
    assert not list(tmp_path.rglob("*.part"))


def test_a_hub_that_knows_no_ranges_sends_the_file_anew(hub: FakeHub, tmp_path: Path) -> None:
    hub.cuts, hub.cut_after, hub.honours_ranges = 1, 300_000, False
    heard = fetch(hub, tmp_path)
    assert is_whole(tmp_path)
    assert heard.came == heard.left


def test_a_damaged_part_is_found_out_and_thrown_away(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / MODEL).mkdir()
    (tmp_path / f"{WEIGHTS}.part").write_bytes(b"\0" * 1000)
    with pytest.raises(Unavailable, match="sha256"):
        fetch(hub, tmp_path)
    fetch(hub, tmp_path)
    assert is_whole(tmp_path)


def test_check_finds_a_file_that_rotted(hub: FakeHub, tmp_path: Path) -> None:
    fetch(hub, tmp_path)
    content = bytearray((tmp_path / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (tmp_path / WEIGHTS).write_bytes(content)
    assert fetch(hub, tmp_path).names == []
    assert fetch(hub, tmp_path, check=True).names == [WEIGHTS]
    assert is_whole(tmp_path)


def test_a_full_disk_is_seen_before_anything_is_fetched(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10, 9, 1))
    with pytest.raises(Unavailable, match=r"GB are needed .* --into"):
        fetch(hub, tmp_path / "not" / "there")
    assert not hub.ranges


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (ReleaseSource("HeartMuLa/HeartMuLaGen", "", revision="v9"), "no revision 'v9'"),
        (ReleaseSource("HeartMuLa/nothing", ""), "no repository HeartMuLa/nothing"),
        (ReleaseSource("HeartMuLa/HeartMuLaGen", "", ("merges.txt",)), "no merges.txt"),
    ],
)
def test_what_the_hub_has_not_is_named(
    hub: FakeHub, tmp_path: Path, source: ReleaseSource, named: str
) -> None:
    with pytest.raises(Unavailable, match=named):
        fetch(hub, tmp_path, row=replace(ROW, sources=(source,)))


def test_without_a_network_it_says_so(tmp_path: Path) -> None:
    with fake_hub({}) as server:
        url = server.url
    with pytest.raises(Unavailable, match="check the connection"):
        pull(ROW, tmp_path, Hub(url, tries=1, pause_s=0), Heard())


def test_the_command_prints_how_to_start(
    hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    into = tmp_path / "w"
    arguments = ["heartmula", "--into", str(into), "--endpoint", hub.url, "--dtype", "bf16"]
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert said.out == f"mula run --engine heartmula --checkpoint {into}-bf16\n"
    assert "fetching HeartMuLa-oss-3B/model.safetensors" in said.err
    copy = tmp_path / "w-bf16"
    assert (copy / WEIGHTS).stat().st_size < 0.6 * (into / WEIGHTS).stat().st_size
    codec = f"{CODEC}/model.safetensors"
    assert (copy / codec).read_bytes() == (into / codec).read_bytes()
    assert json.loads((copy / RECORD).read_text())["dtype"] == "bf16"
    assert main(arguments) == 0
    assert "converting" not in capsys.readouterr().err


def test_another_release_shares_what_is_the_same(hub: FakeHub, tmp_path: Path) -> None:
    other = RELEASES["heartmula-rl"]
    repo = "HeartMuLa/HeartMuLa-RL-oss-3B-20260123"
    hub.repos[repo] = published()["HeartMuLa/HeartMuLa-oss-3B-happy-new-year"]
    fetch(hub, tmp_path)
    heard = fetch(hub, tmp_path, row=other)
    assert sorted(heard.names) == [f"{RL_MODEL}/config.json", f"{RL_MODEL}/model.safetensors"]
    assert is_whole(tmp_path)
    assert repo in read_record(tmp_path) and ROW.sources[1].repo in read_record(tmp_path)
    for row in (ROW, other):  # neither takes the other for something new
        assert fetch(hub, tmp_path, row=row).names == []
    assert find_layout(tmp_path).model.name == MODEL
    assert find_layout(tmp_path / RL_MODEL).model.name == RL_MODEL
    shutil.rmtree(tmp_path / MODEL)
    assert find_layout(tmp_path).model.name == RL_MODEL


def test_a_release_is_named_where_a_folder_is_asked_for(
    hub: FakeHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path)
    monkeypatch.chdir(tmp_path)
    hub.repos["HeartMuLa/HeartMuLa-RL-oss-3B-20260123"] = published()[ROW.sources[1].repo]
    with pytest.raises(Unavailable, match="mula pull heartmula-rl fetches it"):
        named_place("heartmula-rl")
    assert main(["heartmula-rl", "--endpoint", hub.url]) == 0
    assert capsys.readouterr().out == "mula run --engine heartmula --checkpoint heartmula-rl\n"
    place = default_place("heartmula")
    assert (
        named_place("heartmula-rl") == place / RL_MODEL == default_place("heartmula-rl") / RL_MODEL
    )
    assert find_layout(place).model.name == RL_MODEL  # the only one that was pulled
    (tmp_path / "heartmula-rl").mkdir()
    assert named_place("heartmula-rl") == Path("heartmula-rl")


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(UnknownName, match="did you mean heartmula"):
        release("hartmula")


def test_a_record_nobody_can_read_says_nothing(tmp_path: Path) -> None:
    for text in ("", "[]", '{"sources": 3}'):
        (tmp_path / RECORD).write_text(text)
        assert read_record(tmp_path) == {}
