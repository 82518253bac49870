"""Laws of guidance, top-k and the random choice."""

import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mula_daemon.engine.lm.sampling import (
    CodePolicy,
    KnobTensors,
    choices,
    choose,
    draw_noise,
    guide,
    prepare,
)

V = 40
seeds = st.integers(0, 2**32)
temperatures = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))
cfgs = st.floats(-4, 8)


def noise(seed: int, takes: int = 1) -> Tensor:
    generators = [torch.Generator().manual_seed(seed + take) for take in range(takes)]
    made = torch.empty(takes, 1, choices(V))
    draw_noise(generators, made)
    return made[:, 0]


def sample(logits: Tensor, knobs: KnobTensors, noise: Tensor, ban: Tensor | None = None) -> Tensor:
    """One codebook from beginning to end: logits [R, V], noise [N, K], ban [V] -> codes [N]."""
    draw = prepare(noise[:, None], knobs.temperature, knobs.top_k)
    guided = guide(logits.float(), knobs.cfg, knobs.morph, noise.shape[0])
    return choose(guided, draw, 0, ban)


def random_logits(seed: int, rows: int = 2) -> Tensor:
    return torch.randn(rows, V, generator=torch.Generator().manual_seed(seed)) * 3


@given(seeds)
def test_cfg_1_is_the_identity_and_0_the_unconditional_row(seed: int) -> None:
    logits = random_logits(seed)
    morph = torch.tensor(0.5)  # unused with one prompt
    assert torch.equal(guide(logits, torch.tensor(1.0), morph, 1), logits[:1])
    assert torch.equal(guide(logits, torch.tensor(0.0), morph, 1), logits[1:])


@given(seeds, cfgs, st.floats(0, 1))
def test_guidance_is_its_formula(seed: int, cfg: float, morph: float) -> None:
    a, b, u = random_logits(seed, 6).view(3, 2, V).double()  # two takes each
    wanted = u + cfg * ((1 - morph) * a + morph * b - u)
    ours = guide(random_logits(seed, 6), torch.tensor(cfg), torch.tensor(morph), 2)
    torch.testing.assert_close(ours.double(), wanted, atol=1e-4, rtol=1e-4)


@given(seeds, st.integers(-3, V + 300), temperatures, cfgs)
def test_no_code_outside_the_top_k(seed: int, k: int, temperature: float, cfg: float) -> None:
    logits = random_logits(seed, 6)
    knobs = KnobTensors.create(cfg=cfg, temperature=temperature, top_k=k)
    codes = sample(logits, knobs, noise(seed, 3))
    guided = guide(logits, knobs.cfg, knobs.morph, 3)
    better = (guided > guided.gather(1, codes[:, None])).sum(1)  # how many beat the chosen one
    kept = 1 if temperature == 0 else min(max(k, 1), V)
    assert (better < kept).all()


@given(seeds, st.sets(st.integers(0, V - 1), max_size=V - 1), temperatures, st.integers(1, V))
def test_no_banned_code_ever(seed: int, banned: set[int], temperature: float, k: int) -> None:
    ban = torch.zeros(V)
    ban[list(banned)] = -torch.inf
    knobs = KnobTensors.create(temperature=temperature, top_k=k)
    for unlucky in (noise(seed), torch.zeros(1, V)):  # a zero wins any race it may run in
        assert int(sample(random_logits(seed), knobs, unlucky, ban)) not in banned


@given(seeds, st.sets(st.integers(0, V - 1), max_size=V - 1), temperatures, st.integers(1, V))
def test_a_ban_leaves_the_others_their_chances(
    seed: int, banned: set[int], temperature: float, k: int
) -> None:
    guided, ban = random_logits(seed, 1), torch.zeros(V)
    ban[list(banned)] = -torch.inf
    draw = prepare(noise(seed)[:, None], torch.tensor(temperature), torch.tensor(float(k)))
    without = guided.masked_fill(ban.isneginf(), -torch.inf)
    assert torch.equal(choose(guided, draw, 0, ban), choose(without, draw, 0))


@given(seeds, seeds)
def test_temperature_0_and_top_1_are_greedy(seed: int, other: int) -> None:
    logits = random_logits(seed)
    for knobs in (KnobTensors.create(temperature=0.0), KnobTensors.create(top_k=1)):
        best = guide(logits, knobs.cfg, knobs.morph, 1).argmax(-1)
        assert torch.equal(sample(logits, knobs, noise(other)), best)


@given(st.integers(1, V), st.integers(1, V))
def test_ties_never_leak_past_k(k: int, tied: int) -> None:
    logits = torch.zeros(2, V)
    logits[:, :tied] = 1.0  # all of these share the first rank
    knobs = KnobTensors.create(cfg=1.0, top_k=k)
    seen = {int(sample(logits, knobs, noise(seed))) for seed in range(30)}
    assert len(seen) <= k
    if k <= tied:
        assert max(seen) < tied


def test_codes_come_as_often_as_their_probability() -> None:
    takes = 20_000
    logits = torch.linspace(0, 3, V)
    rows = logits.expand(2 * takes, V)
    draws = torch.empty(takes, V).exponential_(generator=torch.Generator().manual_seed(1))
    codes = sample(rows, KnobTensors.create(cfg=1.0, temperature=0.7, top_k=10), draws)
    kept = torch.where(torch.arange(V) >= V - 10, logits / 0.7, -torch.inf).softmax(0)
    often = torch.bincount(codes, minlength=V) / takes
    torch.testing.assert_close(often, kept, atol=0.012, rtol=0)


def test_a_take_draws_from_its_own_generator_only() -> None:
    together = noise(5, takes=3)
    for take in range(3):
        assert torch.equal(together[take], noise(5 + take)[0])


def test_no_more_candidates_than_the_vocabulary_or_the_limit() -> None:
    assert choices(67) == 67
    assert choices(8197) == 250


def test_knobs_are_written_in_place() -> None:
    knobs = KnobTensors.create(cfg=2.0)
    before = knobs.cfg
    knobs.load(cfg=3.5, top_k=7)
    assert knobs.cfg is before
    assert (float(knobs.cfg), float(knobs.top_k), float(knobs.temperature)) == (3.5, 7.0, 1.0)
    with pytest.raises(FrozenInstanceError):
        knobs.cfg = torch.tensor(1.0)  # type: ignore[misc]


def test_new_knobs_are_the_papers_and_each_has_its_place() -> None:
    knobs = KnobTensors.create()
    assert knobs.values.tolist() == [1.5, 1.0, 50.0, 0.0]
    knobs.load(cfg=2.0, temperature=0.5, top_k=7, morph=0.25)
    assert knobs.values.tolist() == [2.0, 0.5, 7.0, 0.25]
    other = KnobTensors.create()
    other.copy(knobs)
    assert [float(knob) for knob in (other.cfg, other.temperature, other.top_k, other.morph)] == [
        2.0, 0.5, 7.0, 0.25
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("temperature", "scale", "kept"),
    [
        (0.0, 1e4, 1),
        (0.9e-4, 1e4, 1),
        (1e-4, 1e4, 3),
        (0.5, 2.0, 3),
        (1e4, 1e-4, 3),
        (1e6, 1e-4, 3),
    ],
)
def test_a_temperature_is_greedy_from_a_point_on_and_never_infinite(
    temperature: float, scale: float, kept: int
) -> None:
    draw = prepare(noise(1)[:, None], torch.tensor(temperature), torch.tensor(3.0))
    assert float(draw.scale) == pytest.approx(scale, rel=1e-5)
    assert int(draw.starts[0].isfinite().sum()) == kept


def test_noise_of_nothing_wins_no_race_it_may_not_run_in() -> None:
    draw = prepare(torch.zeros(1, 1, 4), torch.tensor(1.0), torch.tensor(2.0))
    least = float(np.log(np.float32(1e-30)))
    assert draw.starts[0].tolist() == [[pytest.approx(least), pytest.approx(least), np.inf, np.inf]]


def test_every_take_has_a_generator() -> None:
    with pytest.raises(ValueError, match="shorter"):
        draw_noise([torch.Generator()], torch.empty(2, 1, 4))


def test_what_was_drawn_and_what_may_be_chosen_stay_as_they_are() -> None:
    draw = prepare(noise(1)[:, None], torch.tensor(1.0), torch.tensor(3.0))
    with pytest.raises(FrozenInstanceError):
        draw.scale = torch.tensor(1.0)  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        CodePolicy().eos = 3  # type: ignore[misc]


def test_only_codebook_0_may_end_and_never_at_once() -> None:
    bans = CodePolicy(valid=8, eos=9).bans(3, 12)
    assert bans is not None
    allowed = [[torch.isfinite(row).nonzero()[:, 0].tolist() for row in ban] for ban in bans]
    music = list(range(8))
    assert allowed == [[music] * 3, [[*music, 9], music, music]]
    assert all(set(ban.unique().tolist()) == {0.0, -math.inf} for ban in bans)


def test_going_on_to_the_asked_length_rules_the_end_out() -> None:
    bans = CodePolicy(valid=8, eos=9, may_end=False).bans(3, 12)
    assert bans is not None
    assert torch.equal(*bans)


def test_codebooks_may_have_vocabularies_of_their_own() -> None:
    bans = CodePolicy(valid=[1, 2, 3]).bans(3, 4)
    assert bans is not None
    assert bans[1].isfinite().sum(1).tolist() == [1, 2, 3]


@pytest.mark.parametrize("valid", [1, 12, [1, 2, 12]])
def test_a_policy_may_leave_one_code_or_all(valid: int | list[int]) -> None:
    bans = CodePolicy(valid=valid).bans(3, 12)
    assert bans is not None
    wanted = [valid] * 3 if isinstance(valid, int) else valid
    assert [ban.isfinite().sum(1).tolist() for ban in bans] == [wanted] * 2


@pytest.mark.parametrize("valid", [0, 13, [1, 2], [1, 2, 13], [1, 2, 3, 4], [0, 1, 2]])
def test_policies_that_do_not_fit_are_refused(valid: int | list[int]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        CodePolicy(valid=valid).bans(3, 12)


def test_an_end_is_seen_on_any_codebook_but_not_in_the_first_frame() -> None:
    policy = CodePolicy(eos=9)
    codes = np.array([[1, 2, 3], [1, 9, 3], [11, 0, 0]])
    assert policy.bans(3, 12) is None
    assert policy.ends(0, codes).tolist() == [False, False, False]
    assert policy.ends(1, codes).tolist() == [False, True, True]
    assert not CodePolicy().ends(1, codes).any()
