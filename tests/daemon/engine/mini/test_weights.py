import json
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from mula_daemon.bench.genre_classifier import features, train_classifier
from mula_daemon.bench.knobs import Player
from mula_daemon.engine.lm import LanguageModel
from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.recipe import Recipe, config
from mula_daemon.engine.mini.tokenizer import text_vocab
from mula_daemon.engine.mini.weights import NAME, load_mini, save
from mula_daemon.engine.static_model import StaticModel


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the engine has it: matrices this small only wait for a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def player() -> Player:
    return Player(StaticModel(load_mini()[0]))


def test_the_shipped_weights_are_small_and_load_fast() -> None:
    load_mini()
    began = time.process_time()  # the machine may be busy with other things
    model, facts = load_mini()
    assert time.process_time() - began < 1.0
    assert len((files("mula_daemon.engine.mini") / NAME).read_bytes()) < 10e6
    assert all(p.dtype == torch.float32 and p.device.type == "cpu" for p in model.parameters())
    assert model.config.text_vocab == text_vocab()
    assert model.config.audio_vocab == tokens.AUDIO_VOCAB
    assert 1_500_000 < facts["parameters"] < 6_000_000


def test_weights_go_out_and_come_back(tmp_path: Path) -> None:
    model = LanguageModel(config())
    path = tmp_path / "some.safetensors"
    save(model, path, Recipe())
    again, facts = load_mini(path)
    assert facts["recipe"]["seed"] == 0
    for name, value in again.state_dict().items():
        torch.testing.assert_close(value, model.state_dict()[name], atol=1e-3, rtol=1e-3)


def test_weights_that_are_not_what_the_json_says_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    save(LanguageModel(config()), path, Recipe())
    facts = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(facts | {"sha256": "0"}))
    with pytest.raises(ValueError, match="not what"):
        load_mini(path)
    with pytest.raises(FileNotFoundError):
        load_mini(tmp_path / "none.safetensors")


def test_guidance_brings_the_genre_out(player: Player) -> None:
    techno = tokens.KICK_VOICES.index("techno")
    kicks = range(tokens.drum_code(techno, 0), tokens.drum_code(techno, 2) + 1)

    def share(cfg: float) -> float:
        codes = player.clips(["techno"], range(6), cfg, frames=64)[..., tokens.KICK]
        return float(np.isin(codes, kicks).sum() / max((codes > 0).sum(), 1))

    assert share(4.0) > 0.8
    assert share(0.0) < 0.3


def test_codes_are_valid_and_seeds_differ(player: Player) -> None:
    clips = player.clips(["jazz", "dark"], range(8), 3.0, frames=32)
    assert (clips < [tokens.codes_in(codebook) for codebook in range(8)]).all()
    assert len({clip.tobytes() for clip in clips}) == 8
    assert (clips == player.clips(["jazz", "dark"], range(8), 3.0, frames=32)).all()


@pytest.mark.slow
def test_an_independent_ear_tells_the_genres_of_the_material() -> None:
    ear = train_classifier(pieces=24, epochs=40)
    assert ear.accuracy >= 0.92
    assert features(torch.zeros(2, 32, 8, dtype=torch.int64)).shape[0] == 2
    assert ear.genres(np.zeros((2, 64, 8), dtype=np.int64)).shape == (2, 2)
    assert len(tags.GENRES) == 16
