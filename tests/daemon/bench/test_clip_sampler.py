import numpy as np
import pytest
import torch

from mula_daemon.bench.clip_sampler import ClipSampler, SamplerJob, SamplerSetting, batches, play


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_jobs_of_one_batch_have_their_own_prompts_and_seeds() -> None:
    jobs = [
        SamplerJob((genre,), (3, 4), SamplerSetting(3.0, 0.7), 32) for genre in ("techno", "jazz")
    ]
    together = play(jobs)
    for job, codes in zip(jobs, together, strict=True):
        assert codes.shape == (2, 32, 8)
        alone = play([job])[0]
        assert (codes == alone).mean() > 0.95  # a batch may round otherwise, and take another turn
    assert (together[0] != together[1]).any()


def test_a_history_is_played_on() -> None:
    whole = play([SamplerJob(("house",), (1, 2), SamplerSetting(2.0, 0.0), 48)])[0]
    onwards = play([SamplerJob(("house",), (1, 2), SamplerSetting(2.0, 0.0), 48, whole[:, :32])])[0]
    assert (onwards[:, :32] == whole[:, :32]).all()
    assert (onwards == whole).mean() > 0.95


def test_batches_keep_the_order_and_never_mix_kinds() -> None:
    jobs = [SamplerJob(("a",), tuple(range(70)), SamplerSetting(1.0)) for _ in range(5)]
    other = SamplerJob(("a",), (0,), SamplerSetting(2.0))
    assert [len(batch) for batch in batches([*jobs, other, jobs[0]])] == [2, 2, 1, 1, 1]


def test_no_prompt_is_heard_at_cfg_0_and_clips_are_remembered() -> None:
    sampler = ClipSampler()
    found = sampler.clips(["techno", "jazz"], 1, SamplerSetting(0.0))
    assert found["techno"] is found["jazz"]
    assert sampler.clips(["techno"], 1, SamplerSetting(0.0))["techno"] is found["techno"]
    assert np.isin(found["jazz"], range(228)).all()
