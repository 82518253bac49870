"""Hubs that leave things out, do things otherwise, or are not to be trusted."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest

from mula_bridge.errors import Unavailable
from mula_daemon.weights.failures import is_final, unreachable
from mula_daemon.weights.hub import Hub, Listing, RemoteFile
from mula_daemon.weights.pull import NOTE, RECORD, pull, read_record
from mula_daemon.weights.releases import Release, ReleaseSource
from support.fake_hub import FakeHub, Heard, fake_hub

CERTIFICATE = Path(__file__).parents[2] / "data" / "tls" / "localhost.pem"
ROW = Release("toy", "none", (ReleaseSource("a/b", "m"),), "toy", "m")
WEIGHTS = Path("m") / "model.safetensors"
INDEX = "model.safetensors.index.json"


def safetensors(byte: int, size: int = 100_000) -> bytes:
    """A file of one tensor, every byte of it ``byte``."""
    row = {"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    header = json.dumps(row).encode()
    return len(header).to_bytes(8, "little") + header + bytes([byte]) * size


def files(byte: int = 1) -> dict[str, bytes]:
    return {"config.json": b'{"x": 1}', "model.safetensors": safetensors(byte)}


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub({"a/b": files()}) as server:
        yield server


@pytest.fixture
def own_client() -> Iterator[None]:
    """A client that reads the environment anew, and is gone afterwards."""
    huggingface_hub.close_session()
    yield
    huggingface_hub.close_session()


def fetch(server: FakeHub, root: Path, *, check: bool = False, url: str = "") -> Heard:
    heard = Heard()
    hub = Hub(url or server.url, tries=3, pause_s=0.001)
    pull(ROW, root, hub, heard, check=check, say=heard.names.append)
    return heard


def is_whole(root: Path, server: FakeHub) -> bool:
    wanted = server.repos["a/b"]
    there = {path.name for path in (root / "m").iterdir() if not path.name.endswith(".old")}
    return there == set(wanted) and all(
        (root / "m" / name).read_bytes() == content for name, content in wanted.items()
    )


@pytest.mark.parametrize("sizes", [None, 0, 1, 135, 10**7, -1], ids=str)
@pytest.mark.parametrize("sums", [True, False], ids=["sums", "no-sums"])
@pytest.mark.parametrize("says_length", [True, False], ids=["length", "no-length"])
def test_a_listing_without_sizes_or_with_wrong_ones_is_fetched_to_the_end(
    hub: FakeHub, tmp_path: Path, sizes: int | None, sums: bool, says_length: bool
) -> None:
    hub.sizes, hub.sums, hub.says_length = sizes, sums, says_length
    if sizes == 10**7 and not says_length:
        pytest.skip("a length that only the listing says is all there is to go by")
    fetch(hub, tmp_path)
    assert is_whole(tmp_path, hub)
    assert fetch(hub, tmp_path).names == []


def test_a_part_of_unknown_size_goes_on_where_it_broke(hub: FakeHub, tmp_path: Path) -> None:
    hub.sizes, hub.sums = None, False
    hub.cuts, hub.cut_after = 2, 30_000
    heard = fetch(hub, tmp_path)
    assert is_whole(tmp_path, hub)
    assert heard.came == sum(map(len, files().values()))
    assert [start for _, start in hub.ranges][-1] == 60_000


def test_a_part_that_was_whole_already_is_known_by_the_hubs_word(
    hub: FakeHub, tmp_path: Path
) -> None:
    hub.sizes, hub.sums = None, False
    (tmp_path / "m").mkdir()
    (tmp_path / f"{WEIGHTS}.part").write_bytes(safetensors(1))
    fetch(hub, tmp_path)
    assert is_whole(tmp_path, hub)
    assert ("model.safetensors", 0) not in hub.ranges


def test_a_part_longer_than_the_file_is_begun_again(hub: FakeHub, tmp_path: Path) -> None:
    hub.sizes, hub.sums = None, False
    (tmp_path / "m").mkdir()
    (tmp_path / f"{WEIGHTS}.part").write_bytes(safetensors(1) + b"more")
    fetch(hub, tmp_path)
    assert is_whole(tmp_path, hub)


def test_a_hub_without_ranges_or_sizes_sends_the_file_anew(hub: FakeHub, tmp_path: Path) -> None:
    hub.sizes, hub.sums, hub.honours_ranges = None, False, False
    hub.cuts, hub.cut_after = 1, 30_000
    heard = fetch(hub, tmp_path)
    assert is_whole(tmp_path, hub)
    assert heard.came == sum(map(len, files().values()))


def test_a_hub_that_always_ends_early_is_given_up(hub: FakeHub, tmp_path: Path) -> None:
    hub.honours_ranges = False
    hub.cuts, hub.cut_after = 1000, 30_000
    with pytest.raises(Unavailable, match="check the connection"):
        fetch(hub, tmp_path)
    assert len(hub.ranges) <= 6


def test_a_hub_without_heads_or_etags_will_do(hub: FakeHub, tmp_path: Path) -> None:
    hub.knows_heads, hub.sums = False, False
    fetch(hub, tmp_path)
    assert is_whole(tmp_path, hub)


def test_a_token_is_kept_from_the_machine_that_a_redirect_leads_to(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr("huggingface_hub.utils._headers.get_token", lambda: "hf_secret")
    hub.redirects = True
    hub.cuts, hub.cut_after = 1, 30_000
    fetch(hub, tmp_path)
    assert is_whole(tmp_path, hub)
    tokens = {target.startswith("/moved/"): token for target, token in hub.asked}
    assert tokens == {False: "Bearer hf_secret", True: None}
    assert ("model.safetensors", 30_000) in hub.ranges


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS pointer"),
        (b"{", "is no JSON"),
        (b"\xff\xfe{}", "is no text in UTF-8"),
        (b"   ", "is empty"),
    ],
    ids=["page", "pointer", "json", "text", "blank"],
)
def test_what_is_sent_instead_of_a_file_is_named_and_not_kept(
    hub: FakeHub, tmp_path: Path, content: bytes, words: str
) -> None:
    hub.sizes, hub.instead = None, content
    with pytest.raises(Unavailable, match=words) as found:
        fetch(hub, tmp_path)
    assert "a/b/config.json" in str(found.value)
    assert "--endpoint" in str(found.value)
    assert not list(tmp_path.rglob("config*"))
    hub.instead = None
    fetch(hub, tmp_path)
    assert is_whole(tmp_path, hub)


def test_weights_cut_short_are_seen_without_a_sum(hub: FakeHub, tmp_path: Path) -> None:
    hub.sizes, hub.sums = None, False
    hub.repos["a/b"]["model.safetensors"] = safetensors(1)[:-7]
    with pytest.raises(Unavailable, match="cut short or damaged"):
        fetch(hub, tmp_path)


@pytest.mark.parametrize(
    ("status", "words", "most"),
    [(401, "hf auth login", 1), (404, "404", 1), (429, "check the connection", 3), (503, "503", 3)],
)
def test_a_refusal_is_asked_again_only_where_that_is_of_use(
    hub: FakeHub, tmp_path: Path, status: int, words: str, most: int
) -> None:
    hub.refuses = status
    with pytest.raises(Unavailable, match=words):
        fetch(hub, tmp_path)
    assert sum("/resolve/" in target for target, _ in hub.asked) == most


@pytest.mark.parametrize(
    "name", ["._model.safetensors", "../../model2.safetensors", "/abs.safetensors",
             ".cache/x.safetensors", "..\\x.safetensors", "C:x.safetensors"],
)  # fmt: skip
def test_hidden_files_and_ways_out_of_the_folder_are_not_fetched(
    hub: FakeHub, tmp_path: Path, name: str
) -> None:
    hub.repos["a/b"][name] = b"x"
    root = tmp_path / "one" / "two"
    assert fetch(hub, root).names == ["m/config.json", "m/model.safetensors"]


def test_bytes_come_through_the_client_that_lists(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def distrust(*_: object, **__: object) -> None:
        raise OSError("CERTIFICATE_VERIFY_FAILED")

    monkeypatch.setattr(urllib.request, "urlopen", distrust)
    fetch(hub, tmp_path)
    assert is_whole(tmp_path, hub)


def test_one_named_certificate_is_trusted_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_client: None
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with fake_hub({"a/b": files()}, CERTIFICATE) as server:
        server.redirects = True
        fetch(server, tmp_path)
        assert is_whole(tmp_path, server)


@pytest.mark.parametrize("only_files", [False, True], ids=["listing", "files"])
def test_a_certificate_nobody_vouches_for_is_called_that_and_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_client: None, only_files: bool
) -> None:
    with fake_hub({"a/b": files()}, CERTIFICATE) as server:
        hub = Hub(server.url, tries=5, pause_s=0.001)
        if only_files:
            listing = listing_of(server)
            with pytest.raises(Unavailable) as found:
                hub.fetch(listing, listing.files[0], tmp_path / "x.json", lambda count: None)
        else:
            with pytest.raises(Unavailable) as found:
                hub.listing("a/b", "main", ROW.sources[0].wanted)
    said = str(found.value)
    assert "does not trust the server's certificate" in said
    assert "SSL_CERT_FILE" in said
    assert "check the connection" not in said


def listing_of(server: FakeHub) -> Listing:
    return Listing("a/b", server.commit, (RemoteFile("config.json"),))


def test_a_certificate_error_is_known_wherever_it_hides() -> None:
    try:
        try:
            raise ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed")
        except ssl.SSLError as inner:
            raise RuntimeError("connection failed") from inner
    except RuntimeError as error:
        assert is_final(error)
        assert "certificate" in str(unreachable("a/b", error))


def test_listing_and_bytes_go_through_the_same_proxy(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_client: None
) -> None:
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", hub.url)
    monkeypatch.setenv("http_proxy", hub.url)
    fetch(hub, tmp_path, url="http://hub.invalid")
    assert is_whole(tmp_path, hub)
    assert {target.split("/")[2] for target, _ in hub.asked} == {"hub.invalid"}


def test_a_proxy_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_client: None
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "socks9://127.0.0.1:1")
    with pytest.raises(Unavailable, match="prox"):
        Hub("https://hub.invalid", tries=1).listing("a/b", "main", ("config.json",))


@pytest.mark.parametrize("endpoint", ["hub.example", "ftp://hub.example", "http://"])
def test_an_endpoint_that_is_no_address_is_told(endpoint: str) -> None:
    with pytest.raises(Unavailable, match="--endpoint or HF_ENDPOINT is an address"):
        Hub(endpoint, tries=1, pause_s=0).listing("a/b", "main", ("config.json",))


def test_a_page_that_answers_for_the_hub_is_told(hub: FakeHub) -> None:
    hub.page = b"<html>sign in</html>"
    with pytest.raises(Unavailable, match="sign in to the network"):
        Hub(hub.url, tries=1).listing("a/b", "main", ("config.json",))


def test_files_a_release_no_longer_has_are_moved_aside_and_named(
    hub: FakeHub, tmp_path: Path
) -> None:
    shards = {f"model-0000{n}-of-00002.safetensors": safetensors(n) for n in (1, 2)}
    index = json.dumps({"weight_map": {"a": sorted(shards)[0], "b": sorted(shards)[1]}})
    hub.repos["a/b"] = {"config.json": b"{}", INDEX: index.encode(), **shards}
    fetch(hub, tmp_path)
    mine = tmp_path / "m" / "notes.txt"
    mine.write_text("mine")
    mac = tmp_path / "m" / "._model.safetensors"
    mac.write_text("the system's")
    hub.repos["a/b"], hub.commit = files(3), "beef" + "0" * 36
    heard = fetch(hub, tmp_path)
    for name in (INDEX, *shards):
        assert not (tmp_path / "m" / name).exists()
        assert (tmp_path / "m" / f"{name}.old").exists()
        assert any(name in line and "a/b" in line for line in heard.names)
    assert (tmp_path / WEIGHTS).read_bytes() == safetensors(3)
    assert mine.read_text() == "mine" and mac.exists()
    assert read_record(tmp_path) == {"a/b": hub.commit}
    assert fetch(hub, tmp_path).names == []


def test_a_file_of_the_same_length_is_fetched_anew_at_another_commit(
    hub: FakeHub, tmp_path: Path
) -> None:
    fetch(hub, tmp_path)
    hub.repos["a/b"], hub.commit = files(2) | {"config.json": b'{"x": 2}'}, "beef" + "0" * 36
    hub.sums = False
    fetch(hub, tmp_path)
    assert is_whole(tmp_path, hub)


def test_a_part_of_another_commit_is_not_gone_on_with(hub: FakeHub, tmp_path: Path) -> None:
    hub.sums, hub.honours_ranges = False, True
    hub.cuts, hub.cut_after = 1000, 30_000
    hub.sizes = None

    class Impatient(Heard):
        def arrived(self, count: int) -> None:
            super().arrived(count)
            if self.came > 40_000:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(ROW, tmp_path, Hub(hub.url, pause_s=0.001), Impatient())
    assert (tmp_path / f"{WEIGHTS}.part").exists()
    hub.cuts = 0
    hub.repos["a/b"], hub.commit = files(2), "beef" + "0" * 36
    fetch(hub, tmp_path)
    assert is_whole(tmp_path, hub)


def test_the_record_is_written_last_and_a_note_stands_until_then(
    hub: FakeHub, tmp_path: Path
) -> None:
    fetch(hub, tmp_path)
    before = (tmp_path / RECORD).read_text()
    hub.repos["a/b"], hub.commit = files(2), "beef" + "0" * 36
    hub.refuses = 404
    with pytest.raises(Unavailable):
        fetch(hub, tmp_path)
    assert (tmp_path / RECORD).read_text() == before
    assert json.loads((tmp_path / NOTE).read_text())["replacing"] is True
    hub.refuses = 0
    fetch(hub, tmp_path)
    assert not (tmp_path / NOTE).exists()
    assert is_whole(tmp_path, hub)


def test_a_folder_that_cannot_be_written_is_told(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "m").write_text("a file where a folder should be")
    with pytest.raises(Unavailable, match=r"cannot be written .* --into"):
        fetch(hub, tmp_path)
