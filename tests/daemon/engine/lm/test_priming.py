"""Laws of re-priming: prompts and history read beside a running job, and swapped in."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mula_daemon.engine.lm.frame_loop import Codes, FrameLoop
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.lm.priming import PIECE_ON_CPU, PromptTokens
from mula_daemon.engine.lm.sampling import KnobTensors

pytestmark = pytest.mark.usefixtures("one_thread")

LONG = PromptTokens([0, 2, 343, 15, 71, 280, 3, 1], [0, 62, 340, 64, 1])
SHORT = PromptTokens([0, 2, 288, 3, 1], [0, 1])
CLOCK = 100  # the first of the clock tokens; one a frame
KNOBS = KnobTensors.create()


def start(player: Player, *prompts: PromptTokens, window: int = 400) -> FrameLoop:
    loop = FrameLoop(player, prompts, [7, 8], window, keep_logits=True)
    loop.prefill()
    return loop


def ticking(prompt: PromptTokens) -> PromptTokens:
    return PromptTokens(prompt.tags_ids, prompt.lyrics_ids, CLOCK)


def play(loop: FrameLoop, frames: int) -> Codes:
    """[N, frames, C]"""
    return np.stack([step(loop) for _ in range(frames)], axis=1)


def step(loop: FrameLoop) -> Codes:
    ticks = loop.prompts[0].clock is not None
    return loop.step(KNOBS, CLOCK + loop.frame % 300 if ticks else None)


def push(loop: FrameLoop, frames: Codes) -> None:
    """Play ``frames`` [frames, N, C] without making logits."""
    ticks = loop.prompts[0].clock is not None
    loop.keep_logits = False
    for codes in frames:
        loop.force(codes, CLOCK + loop.frame % 300 if ticks else None)
    loop.keep_logits = True


def kept(loop: FrameLoop) -> Tensor:
    assert loop.logits is not None
    return loop.logits


@settings(max_examples=8, deadline=None)
@given(before=st.integers(0, 140), beside=st.integers(0, 70), two=st.booleans())
def test_the_same_prompt_and_history_go_on_as_if_nothing_had_happened(
    player: Player, before: int, beside: int, two: bool
) -> None:
    prompts = [ticking(LONG), ticking(SHORT)][: 1 + two]
    loop, other = start(player, *prompts), start(player, *prompts)
    random = np.random.default_rng(before)
    pushed = random.integers(0, 60, (before + beside, 2, 8))
    push(loop, pushed[:before])
    priming = loop.reprime()
    for frame in pushed[before:]:
        priming.read()
        push(loop, frame[None])
    push(other, pushed)
    loop.swap(priming)
    for _ in range(2):
        assert np.array_equal(step(loop), step(other))
        torch.testing.assert_close(kept(loop), kept(other), atol=2e-4, rtol=0)


@pytest.mark.parametrize("beside", [0, 1, 70])
def test_when_it_was_read_makes_no_difference_to_the_last_bit(player: Player, beside: int) -> None:
    hasty, patient = start(player, LONG), start(player, LONG)
    play(hasty, 100), play(patient, 100 - beside)
    priming = patient.reprime([SHORT, LONG])
    for _ in range(beside):
        priming.read()
        step(patient)
    patient.swap(priming)
    hasty.swap(hasty.reprime([SHORT, LONG]))
    assert np.array_equal(step(hasty), step(patient))
    assert torch.equal(kept(hasty), kept(patient))


@pytest.mark.parametrize(
    ("old", "new"),
    [([LONG], [SHORT]), ([SHORT], [LONG]), ([LONG], [SHORT, LONG]), ([LONG, SHORT], [SHORT])],
)
def test_new_prompts_are_heard_as_if_they_had_been_there_all_along(
    player: Player, old: list[PromptTokens], new: list[PromptTokens]
) -> None:
    loop = start(player, *old)
    played = play(loop, 80)
    loop.swap(loop.reprime(new))
    assert loop.prompts == tuple(new)
    fresh = FrameLoop(player, new, [7, 8], 400, keep_logits=True)
    fresh.prefill(played)
    for _ in range(3):
        assert np.array_equal(step(loop), step(fresh))
        torch.testing.assert_close(kept(loop), kept(fresh), atol=1e-4, rtol=0)


def test_a_trimmed_history_is_what_a_job_of_those_frames_hears(player: Player) -> None:
    loop = start(player, ticking(LONG), window=60)
    played = play(loop, 60)
    assert loop.room == 0
    with pytest.raises(RuntimeError):
        step(loop)
    loop.swap(loop.reprime(keep=20))
    assert (loop.frame, loop.room) == (60, 40)
    first = PromptTokens(LONG.tags_ids, LONG.lyrics_ids, CLOCK + 40)
    fresh = FrameLoop(player, [first], [7, 8], 60, keep_logits=True)
    fresh.prefill(played[:, 40:], range(CLOCK + 40, CLOCK + 60))
    for frame in range(60, 63):
        codes = step(loop)
        fresh.force(codes, CLOCK + frame)
        torch.testing.assert_close(kept(loop), kept(fresh), atol=1e-4, rtol=0)


def test_a_job_may_go_on_for_ever(player: Player) -> None:
    loop = start(player, ticking(SHORT), window=40)
    for _ in range(100):
        if loop.room == 0:
            loop.swap(loop.reprime(keep=10))
        step(loop)
    assert loop.frame == 100


def test_no_history_at_all_may_be_kept(player: Player) -> None:
    loop = start(player, LONG)
    play(loop, 5)
    loop.swap(loop.reprime([SHORT], keep=0))
    fresh = start(player, SHORT)
    codes = step(loop)
    fresh.force(codes)
    torch.testing.assert_close(kept(loop), kept(fresh), atol=1e-4, rtol=0)


def test_caches_of_the_same_size_stay_where_they_are(player: Player) -> None:
    loop = start(player, LONG)
    before = loop._step.state
    play(loop, 3)
    loop.swap(loop.reprime([SHORT]))
    assert loop._step.state is before
    loop.swap(loop.reprime([SHORT, LONG]))
    assert loop._step.state is not before


def test_one_set_of_caches_is_held_beside_the_steps_own_and_only_once_it_is_needed(
    player: Player, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    real = player.model.backbone_state
    monkeypatch.setattr(
        player.model, "backbone_state", lambda *size: made.append(size) or real(*size)
    )
    loop = start(player, LONG)
    play(loop, 3)
    assert len(made) == 1
    for prompts in ([SHORT], [LONG], [SHORT]):
        loop.reprime(prompts).read()
        loop.swap(loop.reprime(prompts))
        play(loop, 1)
    assert len(made) == 2


def test_a_priming_is_spent_when_another_is_begun_or_it_was_swapped_to(player: Player) -> None:
    loop, other = start(player, LONG), start(player, LONG)
    play(loop, 3), play(other, 3)
    first, second = loop.reprime([SHORT]), loop.reprime([LONG, SHORT])
    with pytest.raises(ValueError, match="begun after"):
        loop.swap(first)
    assert np.array_equal(step(loop), step(other))
    loop.swap(second)
    with pytest.raises(ValueError, match="begun after"):
        loop.swap(second)
    other.swap(other.reprime([LONG, SHORT]))
    assert np.array_equal(step(loop), step(other))


def test_it_reads_whole_pieces_and_leaves_the_rest_for_the_end(player: Player) -> None:
    loop = start(player, SHORT)
    push(loop, np.zeros((2 * PIECE_ON_CPU, 2, 8), int))
    priming = loop.reprime()
    assert not priming.read(1)
    assert priming.read(1)
    assert priming.used == 2 * PIECE_ON_CPU
    push(loop, np.zeros((PIECE_ON_CPU, 2, 8), int))
    assert priming.read(0) is False


def test_a_prompt_that_does_not_fit_leaves_the_job_alone(player: Player) -> None:
    loop, other = start(player, LONG), start(player, LONG)
    play(loop, 3), play(other, 3)
    for wrong in ([], [LONG] * 3, [ticking(LONG)], [PromptTokens([0] * 8000, [1])]):
        with pytest.raises(ValueError):
            loop.reprime(wrong)
    assert np.array_equal(step(loop), step(other))


def test_a_job_is_prefilled_first(player: Player) -> None:
    with pytest.raises(RuntimeError):
        FrameLoop(player, [LONG], [1], 5).reprime()


@pytest.mark.parametrize("clocked", [False, True])
def test_takes_with_tags_of_their_own_play_as_each_would_alone(
    player: Player, clocked: bool
) -> None:
    prompts = [LONG, PromptTokens([0, 2, 99, 100, 71, 12, 3, 1], LONG.lyrics_ids)]
    if clocked:
        prompts = [ticking(prompt) for prompt in prompts]
    both = FrameLoop(player, prompts[:1], [7, 8], 8, keep_logits=True)
    both.tag_takes([prompt.tags_ids for prompt in prompts])
    both.prefill()
    step(both)
    together = kept(both)
    for take, (prompt, seed) in enumerate(zip(prompts, (7, 8), strict=True)):
        alone = FrameLoop(player, [prompt], [seed], 8, keep_logits=True)
        alone.prefill()
        step(alone)
        torch.testing.assert_close(together[:, [take, take + 2]], kept(alone))


def test_tags_of_takes_are_as_many_and_as_long_as_those_of_the_prompt(player: Player) -> None:
    loop = FrameLoop(player, [LONG], [7, 8], 8)
    for wrong in ([LONG.tags_ids], [LONG.tags_ids, SHORT.tags_ids]):
        with pytest.raises(ValueError):
            loop.tag_takes(wrong)
    loop.prefill()
    with pytest.raises(ValueError):
        loop.tag_takes([LONG.tags_ids] * 2)
