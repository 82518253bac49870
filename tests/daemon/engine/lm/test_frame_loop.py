"""Laws of the frame loop, on the reference's toy model."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from mula_daemon.engine.lm.frame_loop import Codes, FrameLoop, PromptTokens
from mula_daemon.engine.lm.language_model import LanguageModel
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.lm.sampling import CodePolicy, KnobTensors

pytestmark = pytest.mark.usefixtures("one_thread")

LONG = PromptTokens([0, 2, 343, 15, 71, 280, 3, 1], [0, 62, 340, 64, 1])
SHORT = PromptTokens([0, 2, 288, 3, 1], [0, 1])
FRAMES = 12


def start(
    player: Player,
    *prompts: PromptTokens,
    seeds: Sequence[int] = (7,),
    frames: int = FRAMES,
    policy: CodePolicy | None = None,
) -> FrameLoop:
    loop = FrameLoop(player, prompts, seeds, frames, policy=policy, keep_logits=True)
    loop.prefill()
    return loop


def play(loop: FrameLoop, knobs: KnobTensors | None = None, frames: int = FRAMES) -> Codes:
    """[N, frames, C]"""
    knobs = knobs or KnobTensors.create()
    return np.stack([loop.step(knobs) for _ in range(frames)], axis=1)


def kept(loop: FrameLoop) -> Tensor:
    assert loop.logits is not None
    return loop.logits


def test_same_seed_same_codes_and_another_seed_others(player: Player) -> None:
    first, again, other = (play(start(player, LONG, seeds=[seed])) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_temperature_0_needs_no_seed(player: Player) -> None:
    knobs = KnobTensors.create(temperature=0.0)
    first, other = (play(start(player, LONG, seeds=[seed]), knobs) for seed in (7, 8))
    assert np.array_equal(first, other)


def test_a_take_of_many_is_the_same_seed_alone(player: Player) -> None:
    seeds = [3, 2**63, 5]
    together = play(start(player, LONG, SHORT, seeds=seeds), KnobTensors.create(morph=0.4))
    for take, seed in enumerate(seeds):
        alone = play(start(player, LONG, SHORT, seeds=[seed]), KnobTensors.create(morph=0.4))
        assert np.array_equal(together[take], alone[0])


def test_knobs_do_not_shift_the_randomness(player: Player) -> None:
    states = []
    for knobs in (
        KnobTensors.create(),
        KnobTensors.create(cfg=-1.0, temperature=0.0, top_k=3),
        KnobTensors.create(cfg=4.0, temperature=2.0, top_k=1000),
    ):
        loop = start(player, LONG)
        play(loop, knobs, 3)
        states.append(loop._generators[0].get_state())
    assert torch.equal(states[0], states[1]) and torch.equal(states[0], states[2])


def test_a_knob_is_heard_at_the_next_frame_and_not_before(player: Player) -> None:
    still, turned = start(player, LONG), start(player, LONG)
    steady, knobs = KnobTensors.create(), KnobTensors.create()
    assert np.array_equal(play(still, steady, 5), play(turned, knobs, 5))
    knobs.load(cfg=6.0, temperature=2.0)
    assert not np.array_equal(still.step(steady), turned.step(knobs))


def test_sweeping_cfg_through_1_leaves_every_row_intact(
    player: Player, plain: LanguageModel
) -> None:
    sweep = [3.0, 2.0, 1.0, 0.5, 0.0, -1.0, 1.0, 3.0]
    loop, replay = start(player, LONG), start(player, LONG)
    knobs = KnobTensors.create()
    played: list[Codes] = []
    for cfg in sweep:
        knobs.load(cfg=cfg)
        played.append(loop.step(knobs))
        replay.force(played[-1])
        assert torch.equal(kept(loop), kept(replay))  # [C, R, V]
    # The same from scratch: the unconditional row never depended on the knob.
    frames = torch.tensor(np.concatenate(played))  # [T, C]
    length = len(LONG.tags_ids) + 1 + len(LONG.lyrics_ids)
    prompt = plain.unconditional_text_embedding.weight.expand(length, -1)
    x = torch.cat([prompt, plain.embed_frames(frames[:-1])])[None]
    wanted = plain.frame_logits(plain.backbone_hidden(x)[:, -1], frames[-1:])[0]  # [C, V]
    torch.testing.assert_close(kept(loop)[:, 1], wanted, atol=1e-4, rtol=0)


def test_padding_the_shorter_prompt_changes_nothing(player: Player) -> None:
    both = start(player, LONG, SHORT)
    long, short = start(player, LONG), start(player, SHORT)
    for frame in play(start(player, LONG), frames=6)[0]:
        for loop in (both, long, short):
            loop.force(frame[None])
        a, b, u = kept(both).unbind(1)  # [C, V] each
        torch.testing.assert_close(a, kept(long)[:, 0], atol=1e-4, rtol=0)
        torch.testing.assert_close(u, kept(long)[:, 1], atol=1e-4, rtol=0)
        torch.testing.assert_close(b, kept(short)[:, 0], atol=1e-4, rtol=0)


def test_morph_0_is_prompt_a_alone(player: Player) -> None:
    assert np.array_equal(play(start(player, LONG, SHORT)), play(start(player, LONG)))


def test_the_clock_is_heard_in_every_row(player: Player, plain: LanguageModel) -> None:
    clocks = [200, 201, 202]
    prompt = PromptTokens(SHORT.tags_ids, SHORT.lyrics_ids, clocks[0])
    loop = start(player, prompt)
    codes = np.stack([loop.step(KnobTensors.create(), clock) for clock in clocks], axis=1)

    text = torch.tensor([*SHORT.tags_ids, 0, *SHORT.lyrics_ids, clocks[0]])
    reserved = torch.arange(len(text)) == len(SHORT.tags_ids)
    nothing = torch.arange(len(text)) < len(text) - 1
    rows = torch.stack([torch.zeros_like(nothing), nothing])
    x = plain.embed_prompt(text.expand(2, -1), reserved, rows)
    played = plain.embed_frames(torch.tensor(codes[:, :2]), torch.tensor([clocks[1:]]))
    x = torch.cat([x, played.expand(2, -1, -1)], dim=1)
    last = torch.tensor(codes[:, 2]).expand(2, -1)
    wanted = plain.frame_logits(plain.backbone_hidden(x)[:, -1], last)  # [R, C, V]
    torch.testing.assert_close(kept(loop).transpose(0, 1), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("length", [1, 2, 6])
def test_a_history_is_the_same_as_playing_it(player: Player, length: int) -> None:
    seeds = [7, 8]
    clocks = list(range(100, 100 + FRAMES))
    prompt = PromptTokens(LONG.tags_ids, LONG.lyrics_ids, clocks[0])
    knobs = KnobTensors.create()
    other = PromptTokens([2, 3], [4], clocks[0])
    loop = start(player, prompt, other, seeds=seeds)
    played = np.stack([loop.step(knobs, clock) for clock in clocks], axis=1)  # [N, T, C]

    resumed = FrameLoop(player, [prompt, other], seeds, FRAMES, keep_logits=True)
    resumed.prefill(played[:, :length], clocks[:length])
    forced = start(player, prompt, other, seeds=seeds)
    for frame in range(length):
        forced.force(played[:, frame], clocks[frame])
    for frame in range(length, FRAMES):
        assert np.array_equal(resumed.step(knobs, clocks[frame]), played[:, frame])
        assert np.array_equal(forced.step(knobs, clocks[frame]), played[:, frame])


def test_only_codes_of_the_policy_are_drawn(player: Player) -> None:
    policy = CodePolicy(valid=20, eos=63)
    loop = start(player, LONG, seeds=range(20), policy=policy)
    knobs = KnobTensors.create(temperature=100.0, top_k=250)  # anything goes
    codes = play(loop, knobs)
    assert (codes[:, 0] < 20).all()
    assert (codes[:, :, 1:] < 20).all()
    ends = codes[:, 1:, 0] >= 20
    assert ends.any() and (codes[:, 1:, 0][ends] == 63).all()
    assert np.array_equal(loop.ended, ends.any(axis=1))


def test_what_step_returns_is_the_callers(player: Player) -> None:
    knobs = KnobTensors.create()
    loop, other = start(player, LONG), start(player, LONG)
    loop.step(knobs)[:] = 0
    other.step(knobs)
    assert np.array_equal(loop.step(knobs), other.step(knobs))


def test_logits_are_not_kept_unless_asked_for(player: Player) -> None:
    loop = FrameLoop(player, [LONG], [1], 2)
    loop.prefill()
    loop.step(KnobTensors.create())
    assert loop.logits is None


def test_the_order_of_calls_is_checked(player: Player) -> None:
    loop = FrameLoop(player, [LONG], [1], 2)
    knobs = KnobTensors.create()
    with pytest.raises(RuntimeError):
        loop.step(knobs)
    loop.prefill()
    with pytest.raises(RuntimeError):
        loop.prefill()
    play(loop, knobs, 2)
    with pytest.raises(RuntimeError):
        loop.step(knobs)


@pytest.mark.parametrize(
    ("prompts", "seeds", "frames"),
    [
        ([], [1], 5),
        ([LONG] * 3, [1], 5),
        ([LONG, PromptTokens([1], [2], clock=3)], [1], 5),
        ([LONG], [], 5),
        ([LONG], [1], 0),
        ([LONG], [1], 8192),
    ],
)
def test_jobs_that_cannot_be_are_refused(
    player: Player, prompts: list[PromptTokens], seeds: list[int], frames: int
) -> None:
    with pytest.raises(ValueError):
        FrameLoop(player, prompts, seeds, frames)


@pytest.mark.parametrize(
    "codes",
    [np.zeros((2, 8), int), np.zeros((1, 7), int), np.full((1, 8), 67), -np.ones((1, 8), int)],
)
def test_codes_that_do_not_fit_are_refused(player: Player, codes: Codes) -> None:
    with pytest.raises(ValueError):
        start(player, LONG).force(codes)


def test_a_clock_comes_with_every_frame_or_never(player: Player) -> None:
    knobs = KnobTensors.create()
    ticking = start(player, PromptTokens([1], [2], clock=100))
    ticking.step(knobs)  # the prompt's
    with pytest.raises(ValueError, match="clock"):
        ticking.step(knobs)
    silent = start(player, SHORT)
    silent.step(knobs)
    with pytest.raises(ValueError, match="clock"):
        silent.step(knobs, 100)
    played = np.zeros((1, 3, 8), int)
    for clocks in (None, [100, 101]):
        with pytest.raises(ValueError, match="clock"):
            FrameLoop(player, [ticking.prompts[0]], [1], 5).prefill(played, clocks)
