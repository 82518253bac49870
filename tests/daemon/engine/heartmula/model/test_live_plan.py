"""How live play is planned: the table it was calculated with, and laws over every machine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mula_daemon.engine.heartmula.codec.precision import Arithmetic
from mula_daemon.engine.heartmula.model.live_plan import (
    FRAME_S,
    HOPS,
    LOAD,
    MEMORY,
    QUALITIES,
    RECENT,
    LivePlan,
    LiveWatch,
    choose,
    evenly,
    load,
)
from mula_daemon.engine.heartmula.model.streaming import LIVE_HOP, StreamSettings

RTX_4090, H100 = 0.0135, 0.0062
"""Seconds a frame of the language model is calculated to take, in bfloat16."""


def plan_of(hop: int, frame_s: float, window_s: float, context: int = 52) -> LivePlan:
    asked = StreamSettings.parse(f"hop={hop},context={context}")
    return choose(asked, frame_s, lambda settings: window_s)


@pytest.mark.parametrize(
    ("hop", "frame_s", "window_ms", "usual_ms", "worst_ms"),
    [
        (8, RTX_4090, 143, 726, 1046),
        (8, H100, 162, 686, 1006),
        (4, RTX_4090, 102, 471, 631),
        (4, H100, 40, 380, 540),
        (2, RTX_4090, 65, 327, 407),
        (2, H100, 34, 281, 361),
        (2, RTX_4090, 45, 307, 387),
        (2, H100, 23, 270, 350),
    ],
)
def test_the_table_of_what_was_calculated_comes_out(
    hop: int, frame_s: float, window_ms: float, usual_ms: float, worst_ms: float
) -> None:
    plan = plan_of(hop, frame_s, window_ms / 1e3)
    usual, worst = plan.ear_s
    assert (usual * 1e3, worst * 1e3) == pytest.approx((usual_ms, worst_ms), abs=2)
    assert f"{hop} frames of sound at a time, after 52 known ones and in 10 steps" in plan.words
    assert f"in 10 steps: a knob is heard about {usual:.2f} s" in plan.words
    assert f"{worst:.2f} s at most" in plan.words


def test_as_before_a_knob_takes_the_better_part_of_two_seconds() -> None:
    plan = evenly(StreamSettings())
    assert plan.settings.hop == plan.settings.first == LIVE_HOP
    assert (plan.burst_frames, plan.delay_s) == (1, pytest.approx(1.6))
    assert plan.ear_s[0] == pytest.approx(1.715)


class Machine:
    """Windows cost so much each, and so much for each latent and step of theirs."""

    def __init__(self, fixed_s: float, each_s: float) -> None:
        self.fixed_s, self.each_s = fixed_s, each_s

    def __call__(self, settings: StreamSettings) -> float:
        return self.fixed_s + settings.steps * (settings.context + settings.hop) * self.each_s


machines = st.builds(Machine, st.floats(0, 0.05), st.floats(0, 5e-4))
frames = st.floats(0.0005, 0.1)
NAMES = {"hop": st.integers(1, 12), "steps": st.integers(1, 12), "context": st.integers(0, 60)}
named = st.fixed_dictionaries({}, optional=NAMES)


def asked_for(values: dict[str, int]) -> StreamSettings:
    return StreamSettings.parse(",".join(f"{name}={value}" for name, value in values.items()))


def quality(plan: LivePlan) -> int:
    """0 is the best; those that can only play as before come last."""
    settings = plan.settings
    if not plan.in_bursts:
        return len(QUALITIES)
    return QUALITIES.index((settings.steps, settings.context))


@given(named, frames, machines)
def test_what_is_chosen_leaves_time_and_what_the_user_set_holds(
    values: dict[str, int], frame_s: float, machine: Machine
) -> None:
    plan = choose(asked_for(values), frame_s, machine)
    settings = plan.settings
    for name, value in values.items():
        assert getattr(settings, name) == (min(value, LIVE_HOP) if name == "hop" else value)
    assert settings.first == settings.hop
    if plan.in_bursts:
        window_s = machine(settings)
        assert load(settings.hop, frame_s, window_s) <= LOAD
        assert plan.burst_s == pytest.approx(settings.hop * frame_s + window_s)
        assert plan.delay_s == pytest.approx(FRAME_S + plan.burst_s)
    else:
        assert replace(plan.settings, bursts=1) == asked_for(values).for_live()


@given(frames, frames, machines, st.floats(0, 1), st.floats(0, 1))
def test_a_faster_machine_never_plays_worse_nor_as_well_with_a_longer_lead(
    frame_s: float, other_s: float, machine: Machine, fixed: float, each: float
) -> None:
    fast = Machine(machine.fixed_s * fixed, machine.each_s * each)
    slow_plan = choose(StreamSettings(), max(frame_s, other_s), machine)
    fast_plan = choose(StreamSettings(), min(frame_s, other_s), fast)
    assert quality(fast_plan) <= quality(slow_plan)
    if quality(fast_plan) == quality(slow_plan):
        assert fast_plan.delay_s <= slow_plan.delay_s + 1e-9
        assert fast_plan.burst_frames <= slow_plan.burst_frames


@given(frames, machines)
def test_the_shortest_hop_of_the_best_quality_that_leaves_time_is_taken(
    frame_s: float, machine: Machine
) -> None:
    plan = choose(StreamSettings(), frame_s, machine)
    for steps, context in QUALITIES[: quality(plan)]:
        for hop in HOPS:
            better = StreamSettings(first=hop, hop=hop, steps=steps, context=context)
            assert load(hop, frame_s, machine(better)) > LOAD
    if plan.in_bursts:
        for hop in HOPS[: HOPS.index(plan.settings.hop)]:
            assert load(hop, frame_s, machine(replace(plan.settings, hop=hop))) > LOAD


FLOWS = (Arithmetic.LOADED, Arithmetic.TF32, Arithmetic.BFLOAT16)
WINDOW_S = {  # of two frames after 52, in ten steps: 6.06 TFLOP at the rates that were assumed
    "4090": dict(zip(FLOWS, (0.129, 0.099, 0.065), strict=True)),
    "H100": dict(zip(FLOWS, (0.146, 0.038, 0.034), strict=True)),
}


@pytest.mark.parametrize(
    ("card", "frame_s", "flow"),
    [("4090", RTX_4090, Arithmetic.BFLOAT16), ("H100", H100, Arithmetic.TF32)],
)
def test_both_cards_come_below_the_goal_with_all_steps_and_context(
    card: str, frame_s: float, flow: Arithmetic
) -> None:
    def window_s(settings: StreamSettings) -> float:
        return WINDOW_S[card][settings.flow] * (settings.context + settings.hop) / 54

    plan = choose(StreamSettings(), frame_s, window_s, FLOWS)
    settings = plan.settings
    assert (settings.hop, settings.context, settings.steps, settings.flow) == (2, 52, 10, flow)
    usual, worst = plan.ear_s
    assert usual < 0.35 and worst < 0.45
    assert f"in 10 steps of {flow}: a knob" in plan.words
    assert plan.windows is not None and set(plan.windows) == set(HOPS)
    # Who wants the type that was loaded gets longer hops.
    exact = choose(StreamSettings.parse("flow=loaded"), frame_s, window_s, FLOWS)
    assert (exact.settings.flow, exact.settings.hop) == (Arithmetic.LOADED, 4)


def test_the_most_exact_way_to_compute_that_leaves_time_is_taken() -> None:
    for fits, flow in ((0.08, Arithmetic.LOADED), (0.3, Arithmetic.BFLOAT16)):
        times = dict(zip(FLOWS, (fits, 0.2, 0.05), strict=True))
        plan = choose(StreamSettings(), 0.01, lambda s, times=times: times[s.flow], FLOWS)
        assert (plan.settings.flow, plan.settings.hop) == (flow, 2)


def test_where_even_a_frame_takes_too_long_no_window_is_measured() -> None:
    def minutes(_: StreamSettings) -> float:
        raise AssertionError("true sizes take minutes on a CPU")

    assert choose(StreamSettings(), 0.9, minutes) == evenly(StreamSettings())
    assert choose(StreamSettings(), 0.001, lambda _: None) == evenly(StreamSettings())


def test_who_wants_no_bursts_gets_none() -> None:
    plan = choose(StreamSettings.parse("bursts=0"), 0.001, lambda _: 0.001)
    assert plan == evenly(StreamSettings.parse("bursts=0"))


# --- while it plays ---------------------------------------------------------------------------

WINDOWS = {2: 0.065, 4: 0.068, 8: 0.073}


def watch() -> LiveWatch:
    return LiveWatch(choose(StreamSettings(), RTX_4090, lambda s: WINDOWS[s.hop]))


def changes(watch: LiveWatch, frames_s: float, window_s: float, bursts: int) -> list[LivePlan]:
    plans = (watch.weigh(frames_s, window_s) for _ in range(bursts))
    return [plan for plan in plans if plan is not None]


def test_what_takes_as_long_as_expected_changes_nothing() -> None:
    assert changes(watch(), 0.027, 0.065, 500) == []


def test_one_long_burst_changes_nothing_and_two_make_the_lead_longer_for_a_while() -> None:
    kept = watch()
    assert changes(kept, 0.027, 0.115, 1) == []
    (longer,) = changes(kept, 0.027, 0.115, 1)
    assert longer.burst_s == pytest.approx(0.142)
    assert longer.settings == watch().plan.settings
    assert changes(kept, 0.027, 0.065, MEMORY - 3) == []
    (shorter,) = changes(kept, 0.027, 0.065, 10)
    assert shorter.burst_s == pytest.approx(0.092)


def test_a_lead_cannot_make_up_for_more_than_all_the_time_there_is() -> None:
    kept = watch()
    (longer,) = changes(kept, 0.027, 0.9, 2)
    assert longer.burst_s == pytest.approx(2 * FRAME_S)


def test_a_card_that_others_use_too_gets_longer_hops_and_shorter_ones_again_later() -> None:
    kept = watch()
    busy = changes(kept, 0.03, 0.12, RECENT)[-1]
    assert busy.settings.hop == 4
    assert busy.burst_s == pytest.approx(4 * 0.015 + 0.12 * 68 / 65)
    assert busy.settings.steps == 10 and busy.settings.context == 52
    assert changes(kept, 0.06, 0.1255, 3 * RECENT) == []
    while kept.plan.settings.hop == 4:
        again = changes(kept, 0.054, 0.068, 1)
    assert again[-1].settings.hop == 2
    assert again[-1].burst_s == pytest.approx(0.092, abs=0.01)


def test_windows_that_got_fewer_steps_do_not_hide_how_much_work_the_whole_would_be() -> None:
    kept = watch()
    plans = [kept.weigh(0.027, 0.065, share=0.5) for _ in range(RECENT)]
    assert plans[-1] is not None and plans[-1].settings.hop == 4


BURSTS = st.tuples(st.floats(0, 0.5), st.floats(0, 0.5), st.sampled_from([1.0, 0.5, 0.15]))


@given(st.lists(BURSTS, max_size=200))
def test_whatever_happens_the_plan_is_one_that_was_measured(
    bursts: list[tuple[float, float, float]],
) -> None:
    kept = watch()
    for frames_s, window_s, share in bursts:
        before = kept.plan
        now = kept.weigh(frames_s, window_s, share)
        assert (now is None) == (kept.plan is before)
        settings = kept.plan.settings
        assert settings.hop == settings.first and settings.hop in WINDOWS
        assert (settings.steps, settings.context) == (10, 52)


@given(st.integers(1, 8), st.floats(0.001, 0.05))
def test_a_hop_that_the_user_set_stays(hop: int, frame_s: float) -> None:
    plan = choose(StreamSettings.parse(f"hop={hop}"), frame_s, lambda _: 0.001)
    assume(plan.in_bursts)
    kept = LiveWatch(plan)
    changes(kept, 1.0, 1.0, 2 * RECENT)
    assert kept.plan.settings.hop == hop
