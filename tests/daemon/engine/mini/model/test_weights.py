import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from mula_daemon.bench import clip_sampler
from mula_daemon.bench.clip_sampler import SamplerJob, SamplerSetting
from mula_daemon.bench.genre_classifier import features, train_classifier
from mula_daemon.engine.lm.frame_loop import FrameLoop, PromptTokens
from mula_daemon.engine.lm.history import Codes
from mula_daemon.engine.lm.language_model import LanguageModel
from mula_daemon.engine.lm.sampling import KnobTensors
from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.model.weights import NAME, load_mini
from mula_daemon.engine.mini.train.bias import BIAS
from mula_daemon.engine.mini.train.recipe import TrainingRecipe, config
from mula_daemon.engine.mini.train.saving import save
from mula_daemon.engine.mini.vocabulary import TEXT_IDS, clock_id, prompt_ids


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the engine has it: matrices this small only wait for a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def play(asked: str, seeds: Sequence[int], setting: SamplerSetting, frames: int) -> Codes:
    return clip_sampler.play([SamplerJob(tuple(asked.split(", ")), tuple(seeds), setting, frames)])[
        0
    ]


def test_the_shipped_weights_are_small_and_load_fast() -> None:
    load_mini()
    began = time.process_time()  # the machine may be busy with other things
    model, facts = load_mini()
    assert time.process_time() - began < 1.0
    assert len((files("mula_daemon.engine.mini.model") / NAME).read_bytes()) < 10e6
    assert all(p.dtype == torch.float32 and p.device.type == "cpu" for p in model.parameters())
    assert model.config.text_vocab == len(TEXT_IDS)
    assert model.config.audio_vocab == tokens.AUDIO_VOCAB
    assert 1_500_000 < facts["parameters"] < 6_000_000


def test_weights_go_out_and_come_back(tmp_path: Path) -> None:
    model = LanguageModel(config())
    path = tmp_path / "some.safetensors"
    save(model, path, TrainingRecipe())
    again, facts = load_mini(path)
    assert facts["recipe"]["seed"] == 0
    for name, value in again.state_dict().items():
        torch.testing.assert_close(value, model.state_dict()[name], atol=1e-3, rtol=1e-3)


def test_weights_that_are_not_what_the_json_says_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    save(LanguageModel(config()), path, TrainingRecipe())
    facts = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(facts | {"sha256": "0"}))
    with pytest.raises(ValueError, match="not what"):
        load_mini(path)
    with pytest.raises(FileNotFoundError):
        load_mini(tmp_path / "none.safetensors")


def kicks(voice: str) -> range:
    first = tokens.drum_code(tokens.KICK_VOICES.index(voice), 0)
    return range(first, first + len(tokens.VELOCITIES))


def share(codes: Codes, voice: str) -> float:
    """Of all kicks in ``codes``, those that ``voice`` plays."""
    found = codes[..., tokens.KICK]
    return float(np.isin(found, kicks(voice)).sum() / max((found > 0).sum(), 1))


def test_guidance_brings_the_genre_out() -> None:
    loose, tight = (play("techno", range(6), SamplerSetting(cfg), 64) for cfg in (0.0, 4.0))
    assert share(tight, "techno") > 0.8
    assert share(loose, "techno") < 0.3


def test_codes_are_valid_and_so_in_scale() -> None:
    """A pitched code names a degree of the scale, and nothing between two."""
    clips = play("jazz, dark", range(8), SamplerSetting(3.0), 32)
    assert (clips < [tokens.codes_in(codebook) for codebook in range(8)]).all()


def test_twenty_seeds_are_twenty_clips_and_come_again() -> None:
    clips = play("techno", range(20), SamplerSetting(3.0), 32)
    assert len({clip.tobytes() for clip in clips}) == 20
    assert (clips == play("techno", range(20), SamplerSetting(3.0), 32)).all()


def test_temperature_0_leaves_nothing_to_chance() -> None:
    one, other = play("house", [1, 2], SamplerSetting(3.0, temperature=0.0), 32)
    assert (one == other).all()


def test_a_morph_turned_in_the_middle_of_a_clip_is_heard_from_there_on() -> None:
    prompts = [PromptTokens(prompt_ids([genre]), (), clock_id(0)) for genre in ("techno", "trap")]
    loop = FrameLoop(clip_sampler.shared_player(None), prompts, range(6), 128)
    loop.prefill()
    knobs = KnobTensors.create(cfg=3.0)
    frames = []
    for frame in range(128):
        knobs.load(morph=float(frame >= 40))
        frames.append(loop.step(knobs, clock_id(frame)))
    codes = np.stack(frames, axis=1)
    assert share(codes[:, :40], "techno") > 0.8
    assert share(codes[:, 80:], "808") > 0.6


def test_the_shipped_weights_come_from_the_recipe_as_it_stands() -> None:
    """Whoever changes a number of the run, or of the bias, has to train again."""
    facts = load_mini()[1]
    assert facts["recipe"] == json.loads(json.dumps(asdict(TrainingRecipe())))
    assert facts["bias"] == asdict(BIAS)
    assert facts["curve"][-1]["step"] == TrainingRecipe().steps


@pytest.mark.slow
def test_an_independent_ear_tells_the_genres_of_the_material() -> None:
    ear = train_classifier(pieces=24, epochs=40)
    assert ear.accuracy >= 0.92
    assert features(torch.zeros(2, 32, 8, dtype=torch.int64)).shape[0] == 2
    assert ear.genres(np.zeros((2, 64, 8), dtype=np.int64)).shape == (2, 2)
    assert len(tags.GENRES) == 16
