"""Recorded frames are the frames that would have been made without, whatever the knobs do."""

import gc
import logging
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from mula_daemon.engine.lm import frame_graph
from mula_daemon.engine.lm.frame_loop import Codes, FrameLoop, PromptTokens
from mula_daemon.engine.lm.language_model import LanguageModel
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.lm.precision import Precision
from mula_daemon.engine.lm.sampling import CodePolicy, KnobTensors
from mula_daemon.engine.lm.static_model import StaticModel
from support.fake_graph import FakeRecorder

pytestmark = pytest.mark.usefixtures("one_thread")

LONG = PromptTokens([0, 2, 343, 15, 71, 280, 3, 1], [0, 62, 340, 64, 1])
SHORT = PromptTokens([0, 2, 288, 3, 1], [0, 1])
TICKING = PromptTokens([0, 2, 288, 3, 1], [0, 1], clock=200)
FRAMES = 20
SWEEP = [(3.0, 1.0, 50.0), (1.0, 0.7, 5.0), (0.5, 1.3, 1.0), (3.0, 0.0, 50.0), (-1.0, 1.0, 200.0)]


@pytest.fixture(autouse=True)
def small_extents(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a toy clip crosses from one recording to the next."""
    for module in ("frame_graph", "player"):
        monkeypatch.setattr(f"mula_daemon.engine.lm.{module}.EXTENTS", (16, 32, 64))


@pytest.fixture
def recorder() -> FakeRecorder:
    return FakeRecorder()


@pytest.fixture
def recorded(plain: LanguageModel, recorder: FakeRecorder) -> Player:
    return Player(StaticModel(plain), recorder)


def perform(
    player: Player,
    *prompts: PromptTokens,
    seeds: tuple[int, ...] = (7,),
    frames: int = FRAMES,
    policy: CodePolicy | None = None,
) -> Codes:
    """[N, frames, C] with the knobs turned at every frame."""
    loop = FrameLoop(player, prompts, seeds, frames, policy=policy)
    loop.prefill()
    knobs = KnobTensors.create()
    played = []
    for frame in range(frames):
        cfg, temperature, top_k = SWEEP[frame % len(SWEEP)]
        knobs.load(cfg=cfg, temperature=temperature, top_k=top_k, morph=frame / frames)
        played.append(loop.step(knobs, None if prompts[0].clock is None else 200 + frame))
    return np.stack(played, axis=1)


@pytest.mark.parametrize(
    "prompts", [(LONG,), (LONG, SHORT), (TICKING,)], ids=["one", "two", "clock"]
)
@pytest.mark.parametrize("policy", [None, CodePolicy(valid=20, eos=63)], ids=["free", "banned"])
def test_codes_are_those_of_a_run_without_recordings(
    player: Player,
    recorded: Player,
    recorder: FakeRecorder,
    prompts: tuple[PromptTokens, ...],
    policy: CodePolicy | None,
) -> None:
    wanted = perform(player, *prompts, seeds=(7, 8), policy=policy)
    assert np.array_equal(perform(recorded, *prompts, seeds=(7, 8), policy=policy), wanted)
    # The first frame follows from the prompt; every other one was replayed.
    assert sum(graph.replays for graph in recorder.graphs) == FRAMES - 1
    assert sum(graph.replays > 0 for graph in recorder.graphs) > 1


def test_neither_knobs_nor_a_second_job_record_anything(player: Player, recorded: Player) -> None:
    perform(recorded, LONG)
    made = recorded.recordings
    assert made == 3  # one for each extent
    gc.collect()
    again = perform(recorded, SHORT, seeds=(9,), frames=FRAMES - 1)
    assert recorded.recordings == made
    assert np.array_equal(again, perform(player, SHORT, seeds=(9,), frames=FRAMES - 1))


def test_another_number_of_takes_is_recorded_once(recorded: Player) -> None:
    for _ in range(2):
        for seeds in ((1,), (1, 2)):
            perform(recorded, LONG, seeds=seeds)
            gc.collect()
    assert recorded.recordings == 2 * 3


def test_jobs_at_the_same_time_do_not_share_caches(player: Player, recorded: Player) -> None:
    loops = [FrameLoop(recorded, [LONG], [seed], FRAMES) for seed in (7, 8)]
    knobs = KnobTensors.create()
    for loop in loops:
        loop.prefill()
    both = [[loop.step(knobs) for loop in loops] for _ in range(FRAMES)]
    for job, seed in enumerate((7, 8)):
        alone = FrameLoop(player, [LONG], [seed], FRAMES)
        alone.prefill()
        for frame in both:
            assert np.array_equal(frame[job], alone.step(knobs))


def test_a_swap_of_prompts_records_only_for_more_rows(player: Player, recorded: Player) -> None:
    def swapped(of: Player, *prompts: PromptTokens) -> list[Codes]:
        loop = FrameLoop(of, [LONG], [7], FRAMES)
        loop.prefill()
        knobs = KnobTensors.create(morph=0.5)
        played = [loop.step(knobs) for _ in range(8)]
        loop.swap(loop.reprime(prompts))
        return played + [loop.step(knobs) for _ in range(8)]

    for prompts, recordings in (((SHORT,), 3), ((SHORT, LONG), 6)):
        assert np.array_equal(swapped(recorded, *prompts), swapped(player, *prompts))
        assert recorded.recordings == recordings
        gc.collect()


def test_what_cannot_be_recorded_runs_as_it_is(
    player: Player, plain: LanguageModel, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(work: Callable[[], None]) -> Callable[[], None]:
        raise RuntimeError("operation not permitted when stream is capturing")

    made = Player(StaticModel(plain), refuse)
    with caplog.at_level(logging.WARNING):
        codes = perform(made, LONG)
    assert np.array_equal(codes, perform(player, LONG))
    assert "not permitted" in caplog.text


@pytest.fixture
def cuda() -> Iterator[torch.device]:
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA card")
    yield torch.device("cuda")


@pytest.mark.parametrize("precision", Precision)
def test_on_a_card_a_timeline_replayed_gives_identical_codes(
    plain: LanguageModel, cuda: torch.device, precision: Precision
) -> None:
    model = StaticModel(plain, cuda, precision)
    player = Player(model, frame_graph.recorder(cuda))
    first = perform(player, LONG, SHORT, seeds=(7, 8))
    assert player.recordings > 0
    assert np.array_equal(perform(player, LONG, SHORT, seeds=(7, 8)), first)
    made = player.recordings
    assert np.array_equal(perform(Player(model), LONG, SHORT, seeds=(7, 8)), first)
    assert made == 3
