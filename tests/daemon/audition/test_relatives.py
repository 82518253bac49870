"""Re-roll and more like this one: the same recipe, other seeds."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.control.messages.commands import MakeMore, Reroll
from mula_bridge.control.messages.origin import DAEMON, Origin
from mula_bridge.errors import BadInput, UnknownName
from mula_daemon.audition.deck import Card, Deck
from mula_daemon.audition.relatives import MOST_TAKES, Relatives, neighbours
from mula_daemon.clips.catalogue import Catalogue
from mula_daemon.clips.library import Library
from mula_daemon.clips.recipe import Performance
from mula_daemon.jobs.queue import MAX_SEED, Job
from support.shelved_clips import RECIPE, put_clip
from support.takes import make_take

INITIAL = {"cfg": 3.0, "temperature": 1.0, "top_k": 50, "morph": 0.0}
KNOBS = Performance(INITIAL, ((3, "cfg", 4.0),))


class Rig:
    def __init__(self, folder: Path) -> None:
        library = Library(folder)
        library.prepare()
        for number, seed in enumerate((100, 101, 99)):
            put_clip(library, f"clip0{number}", take=number, seed=seed, knobs=KNOBS)
        self.deck = Deck(Card.of_recipe(clip.recipe) for clip in library.clips())
        self.jobs: list[tuple[Job, Origin]] = []
        self.relatives = Relatives(
            self.deck,
            Catalogue.of(library),
            self,  # type: ignore[arg-type]
            takes=lambda: 3,
        )

    # --- the handler of jobs

    def queue(self, job: Job, origin: Origin) -> None:
        self.jobs.append((job, origin))

    def job_id(self, asked: str | None) -> str:
        return asked or "job9"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_a_reroll_has_the_prompt_and_the_knob_moves_and_another_seed(rig: Rig) -> None:
    rig.relatives.handle(Reroll("clip01", "again"), DAEMON)
    ((job, origin),) = rig.jobs
    assert origin == DAEMON and dict(job.knobs) == INITIAL
    request = job.request
    assert (request.job, request.tags, request.bpm) == ("again", RECIPE.tags, RECIPE.bpm)
    assert [(frame, knobs.cfg) for frame, knobs in request.performance] == [(0, 3.0), (3, 4.0)]
    assert len(request.seeds) == 1 and request.seeds != (101,)


def test_more_has_the_free_seeds_next_to_it_as_many_as_the_knob_says(rig: Rig) -> None:
    rig.deck.put_on("clip00")
    rig.relatives.handle(MakeMore(), DAEMON)
    rig.relatives.handle(MakeMore(takes=1), DAEMON)
    assert [job.request.seeds for job, _ in rig.jobs] == [(102, 98, 103), (102,)]
    assert rig.jobs[0][0].request.performance


@pytest.mark.parametrize("takes", [0, MOST_TAKES + 1])
def test_a_number_of_takes_that_cannot_be_is_refused(rig: Rig, takes: int) -> None:
    with pytest.raises(BadInput, match=f"1 to {MOST_TAKES}, not {takes}"):
        rig.relatives.handle(MakeMore(takes=takes), DAEMON)


def test_what_is_not_there_or_not_complete_has_no_relatives(rig: Rig) -> None:
    with pytest.raises(UnknownName):
        rig.relatives.handle(Reroll("nowhere"), DAEMON)
    rig.deck.add(Card.of_take(make_take(id="take00")))
    with pytest.raises(BadInput, match="still being written"):
        rig.relatives.handle(MakeMore("take00"), DAEMON)


@given(
    st.sampled_from([0, 1, 5, MAX_SEED - 1]) | st.integers(0, MAX_SEED - 1),
    st.integers(1, 16),
    st.sets(st.integers(0, 40)),
)
def test_neighbours_are_free_different_and_the_nearest(
    seed: int, wanted: int, taken: set[int]
) -> None:
    found = neighbours(seed, wanted, taken)
    assert len(set(found)) == len(found) == wanted
    assert not set(found) & taken and seed not in found
    far = [min((one - seed) % MAX_SEED, (seed - one) % MAX_SEED) for one in found]
    assert far == sorted(far)
    assert all(0 <= one < MAX_SEED for one in found)
    nearer = {
        (seed + side * distance) % MAX_SEED for distance in range(1, far[-1]) for side in (1, -1)
    }
    assert nearer <= set(found) | taken
