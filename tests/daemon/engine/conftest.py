"""The reference's toy language model, for the laws of everything that runs on one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mula_daemon.engine.lm.language_model import Flavour, LanguageModel, LMConfig
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.lm.static_model import StaticModel

WEIGHTS = Path(__file__).parents[2] / "data/heartmula_reference/HeartMuLa-oss-3B/model.safetensors"
TOY = LMConfig(Flavour(3, 4, 2, 64, 160, 8192), Flavour(2, 2, 1, 48, 96, 2048), 512, 67)


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """As the engine has it for small matrices; others only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def plain() -> LanguageModel:
    made = LanguageModel(TOY)
    made.load_state_dict(load_file(WEIGHTS))
    return made.requires_grad_(False)


@pytest.fixture(scope="session")
def player(plain: LanguageModel) -> Player:
    return Player(StaticModel(plain))
