"""When the codec hurries, and when it takes its time again."""

from mula_daemon.engine.heartmula.model.effort import PATIENCE, Effort


def test_it_gives_up_steps_before_guidance_and_says_so() -> None:
    effort = Effort(10, 1.25, deadline=True)
    seen = [(effort.steps, effort.guidance)]
    for _ in range(6):
        if said := effort.weigh(2.2, 2.0):
            assert str(effort.steps) in said and "1.10 s" in said
        seen.append((effort.steps, effort.guidance))
    assert seen == [(10, 1.25), (7, 1.25), (5, 1.25), (3, 1.25), (3, 1.0), (3, 1.0), (3, 1.0)]


def test_it_comes_back_when_there_is_time() -> None:
    effort = Effort(10, 1.25, deadline=True)
    effort.weigh(2.0, 2.0)
    said = [effort.weigh(0.2, 2.0) for _ in range(PATIENCE)]
    assert effort.steps == 10
    assert [bool(each) for each in said] == [False] * (PATIENCE - 1) + [True]


def test_a_clip_for_the_folder_takes_its_time() -> None:
    effort = Effort(10, 1.25, deadline=False)
    assert effort.weigh(100.0, 2.0) == ""
    assert effort.steps == 10


def test_few_steps_have_few_rungs() -> None:
    effort = Effort(1, 1.0, deadline=True)
    assert effort.weigh(9.0, 1.0) == ""
    assert (effort.steps, effort.guidance) == (1, 1.0)
