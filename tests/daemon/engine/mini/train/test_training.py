from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.train.bias import BIAS, Bias
from mula_daemon.engine.mini.train.examples import MELLOW_POP, Examples, MaterialLibrary, build
from mula_daemon.engine.mini.train.recipe import TrainingRecipe
from mula_daemon.engine.mini.train.training import Trainer, losses

SMALL = replace(TrainingRecipe(), frames=128, bars={8: 1.0}, warm_up=1, rate=2e-3)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Batches this small only wait for a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def library() -> MaterialLibrary:
    return build(3, 130)


def test_the_library_holds_every_genre_and_mellow_pop(library: MaterialLibrary) -> None:
    assert set(library.kind.tolist()) == {MELLOW_POP, *range(len(tags.GENRES))}
    assert library.codes.shape[1:] == (32, 16, 8)
    again = build(3, 130)
    assert (again.codes == library.codes).all()
    assert again.tags == library.tags


def test_batches_are_whole_valid_and_repeatable(library: MaterialLibrary) -> None:
    one, two = Examples(library, 5), Examples(library, 5)
    for bars in (8, 16, 32):
        batch, same = one.batch(6, bars), two.batch(6, bars)
        assert batch.codes.shape == (6, bars * 16, 8)
        assert (batch.codes < [tokens.codes_in(c) for c in range(8)]).all()
        assert len({len(prompt) for prompt in batch.prompts}) == 1
        assert all(set(prompt) <= set(tags.TAGS) for prompt in batch.prompts)
        assert (batch.codes == same.codes).all()
        assert batch.prompts == same.prompts


def test_no_clip_starts_with_a_hold(library: MaterialLibrary) -> None:
    batch = Examples(library, 1).batch(64, 8)
    assert (batch.codes[:, 0, 4:7] != tokens.HOLD).all()


def test_the_bias_walks_at_its_rates() -> None:
    rng = np.random.default_rng(0)
    inside = BIAS.walk(rng, 20_000, 8, untagged=False)
    assert inside[:, 0].mean() == pytest.approx(1 - BIAS.start_pop, abs=0.02)
    before, after = inside[:, :-1], inside[:, 1:]
    assert after[~before].mean() == pytest.approx(BIAS.pop_to_genre, abs=0.01)
    assert (~after[before]).mean() == pytest.approx(BIAS.genre_to_pop, abs=0.01)
    assert Bias(start_pop=0.5).scaled(0.0).walk(rng, 50, 8, untagged=False).all()


def kinds(library: MaterialLibrary, bar: np.ndarray, number: int) -> set[int]:
    """The kinds of piece that play the drums and texture of ``bar`` [16, 8] as such a bar."""
    columns = [0, 1, 2, 3, 7]
    alike = (library.codes[:, number::8][..., columns] == bar[:, columns]).all((2, 3)).any(1)
    return set(library.kind[alike].tolist())


def test_some_rows_start_in_another_genre_and_come_home(library: MaterialLibrary) -> None:
    astray = Bias(untagged=0.0, start_pop=0.0, genre_to_pop=0.0, stray=1.0, stray_to_genre=1.0)
    batch = Examples(library, 4, astray).batch(24, 8)
    assert any(batch.prompts)
    for codes, prompt in zip(batch.codes.reshape(24, 8, 16, 8), batch.prompts, strict=True):
        asked = {tags.GENRES.index(tag) for tag in prompt if tag in tags.GENRES}
        if asked:
            assert asked <= kinds(library, codes[7], 7)
            assert not asked & kinds(library, codes[0], 0)
    waits = BIAS.astray(np.random.default_rng(0), 20_000, 8)
    assert (waits > 0).mean() == pytest.approx(BIAS.stray, abs=0.01)
    assert waits.max() == 8


def bar_in_genre(tagged: float, untagged: float, cfg: float) -> float:
    """What guidance makes of the chance of being in the genre (else in pop)."""
    genre = tagged**cfg * untagged ** (1 - cfg)
    pop = (1 - tagged) ** cfg * (1 - untagged) ** (1 - cfg)
    return genre / (genre + pop)


def test_the_numbers_of_the_bias_make_the_knob_work() -> None:
    others = len(tags.GENRES) - 1

    def start(cfg: float) -> float:
        return bar_in_genre(1 - BIAS.start_pop, (1 - BIAS.untagged_start_pop) / others, cfg)

    def enter(cfg: float) -> float:
        return bar_in_genre(BIAS.pop_to_genre, BIAS.untagged_pop_to_genre / others, cfg)

    def leave(cfg: float) -> float:
        return 1 - bar_in_genre(1 - BIAS.genre_to_pop, 1 - BIAS.untagged_genre_to_pop, cfg)

    assert start(1.0) < 0.6 < start(1.5) < 0.95 < start(3.0)
    assert enter(1.0) < 0.25
    assert enter(3.0) > 0.95
    assert leave(3.0) < 0.03 < leave(1.0)


@pytest.mark.slow
def test_training_lowers_the_loss_and_repeats_exactly(library: MaterialLibrary) -> None:
    one, two = Trainer(SMALL, library), Trainer(SMALL, library)
    held_out = [Examples(library, 9).batch(2, 8)]
    before = one.held_out(held_out)
    assert [one.step(0.0, i) for i in range(3)] == [two.step(0.0, i) for i in range(3)]
    assert one.held_out(held_out) < before
    assert all(
        torch.equal(a, b)
        for a, b in zip(one.model.parameters(), two.model.parameters(), strict=True)
    )


def test_an_untagged_row_does_not_see_its_prompt(library: MaterialLibrary) -> None:
    model = Trainer(SMALL, library).model
    batch = Examples(library, 2).batch(2, 8)
    batch.untagged[:] = True

    def loss(prompts: list[list[str]]) -> float:
        generator = torch.Generator().manual_seed(0)
        parts = losses(model, replace(batch, prompts=prompts), 0.1, generator)
        return sum(part.item() for part in parts)

    assert loss([["techno"], ["dark"]]) == loss([["jazz"], ["piano"]])
