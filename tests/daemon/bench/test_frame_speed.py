"""The comparison is fair: both sides do the same work and come to the same codes."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from mula_daemon.bench.eager_step import EagerStep
from mula_daemon.bench.frame_speed import PROMPT, SIZES, random_model
from mula_daemon.cli import main
from mula_daemon.engine.lm.frame_loop import FrameLoop
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.lm.sampling import KnobTensors
from mula_daemon.engine.lm.static_model import StaticModel

CPU = torch.device("cpu")
TOY = SIZES["toy"]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_eager_and_fast_make_the_same_codes() -> None:
    model = random_model(TOY, CPU, torch.float32)
    step = EagerStep(model, slots=256)
    ids = torch.tensor([*PROMPT.tags_ids, 0, *PROMPT.lyrics_ids])
    reserved = torch.arange(len(ids)) == len(PROMPT.tags_ids)
    prompt = model.embed_prompt(
        ids.expand(2, -1), reserved.expand(2, -1), torch.tensor([[False], [True]])
    )
    hidden = step.prefill(prompt)
    loop = FrameLoop(Player(StaticModel(model)), [PROMPT], [1], 6)
    loop.prefill()
    greedy = KnobTensors.create(cfg=2.5, top_k=1)
    for position in range(len(ids), len(ids) + 6):
        codes = step.frame(hidden, 2.5, 1.0, 1)
        assert np.array_equal(loop.step(greedy)[0], codes.numpy())
        hidden = step.advance(codes, position)


def test_random_weights_are_the_same_for_a_seed_and_as_large_as_they_say() -> None:
    one, two = (random_model(TOY, CPU, torch.float16, seed=3) for _ in range(2))
    for name, weight in one.state_dict().items():
        assert weight.dtype == torch.float16
        assert torch.equal(weight, two.state_dict()[name])


@pytest.mark.parametrize("takes", [1, 4])
def test_the_line_names_the_floor_and_what_was_reached(
    capsys: pytest.CaptureFixture[str], takes: int
) -> None:
    arguments = ["--engine", "heartmula", "--random-weights", "--size", "toy", "--frames", "4"]
    threads = ["--threads", "1", "--takes", str(takes)]
    assert main(["bench", "engine", *arguments, *threads]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["size"] == "toy" and found["frames"] == 4 and found["takes"] == takes
    assert list(found["modes"]) == ["float32", "bfloat16", "int8"]
    for mode in found["modes"].values():
        assert set(mode) >= {"frame_ms", "rtf", "bytes_per_frame", "floor_ms", "share_of_floor"}
    for mode in ("bfloat16", "int8"):
        assert set(found["modes"][mode]) >= {"logit_error", "guided_error", "top1_agreement"}
    assert ("speedup_vs_eager" in found) == ("speedup_vs_eager_fp32" in found) == (takes == 1)


def test_a_history_is_read_before_the_clock_counts(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--engine", "heartmula", "--random-weights", "--size", "toy", "--frames", "4"]
    more = ["--precision", "float32", "--no-eager", "--threads", "1"]
    found = []
    for history in (0, 300):
        assert main(["bench", "engine", *arguments, *more, "--history", str(history)]) == 0
        found.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    assert [one["history"] for one in found] == [0, 300]
    short, long = (one["modes"]["float32"]["bytes_per_frame"] for one in found)
    positions = 2 * 2 * 2 * 2 * 16 * 4  # rows, layers, keys and values, heads, width, bytes
    assert long - short == 300 * positions


def test_only_heartmula_has_random_weights() -> None:
    with pytest.raises(SystemExit):
        main(["bench", "engine", "--engine", "mini", "--random-weights"])
