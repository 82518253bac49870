"""On a card no stream of HeartMuLa's reads what is not written yet, and nobody keeps it waiting.

The engine itself, on a card that is pretended: see `support.stream_order`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from mula_bridge.errors import Unavailable
from mula_daemon.engine.heartmula.memory_plan import Sizes
from mula_daemon.engine.heartmula.model import engine as heartmula
from mula_daemon.engine.heartmula.model.streaming import StreamingDecoder, StreamSettings
from mula_daemon.engine.lm import frame_graph, player, priming
from mula_daemon.engine.lm.language_model import Flavour
from mula_daemon.engine.lm.player import Player
from mula_daemon.engine.lm.priming import Priming
from mula_daemon.engine.lm.sampling import CodePolicy
from mula_daemon.engine.seam import ClipRequest, Frame, FrameKnobs, Texts
from support.steady_machine import steady_machine
from support.stream_order import PretendedCard

REFERENCE = Path(__file__).parents[4] / "data" / "heartmula_reference"
TOY = {
    "llama-tiny": Flavour(3, 4, 2, 64, 160, 2048),
    "llama-tiny-decoder": Flavour(2, 2, 1, 48, 96, 16),
}
STREAM = StreamSettings(first=4, context=4, hop=4, steps=1, guidance=1.25)
CLIP = ClipRequest("j", ("techno",), (3,), bpm=480, bars=1)  # 7 frames
LIVE = ClipRequest("j", ("techno",), (3,), endless=True, follows=Texts(("techno",)))

WAITS = {
    ("read", "frame_loop.py", "FrameLoop._finish"),  # the codes of a frame
    ("Event.synchronize", "sound.py", "Pending.wait"),  # the end of a clip, with nothing else to do
    ("recording", "frame_graph.py", "recorder.<locals>.record"),
    ("pageable copy", "rope.py", "rotation_table"),  # once for all usual lengths, and kept
    ("pageable copy", "heart_codec.py", "HeartCodec.to"),  # after the last frame
    ("read", "heart_codec.py", "HeartCodec.to"),
    ("Stream.synchronize", "sound.py", "CodecLane.wait"),
}
"""Where the host may wait."""


class Rig(NamedTuple):
    bursts: bool
    """How live play is made; else frames come one by one, beside windows."""
    card: PretendedCard
    engine: heartmula.HeartMulaEngine
    late: heartmula.HeartMulaEngine
    """Its codec comes after the last frame."""


@pytest.fixture(scope="module", params=[False, True], ids=["one_by_one", "bursts"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    bursts: bool = request.param
    with pytest.MonkeyPatch.context() as patch:
        # So that a toy crosses from one recording, and one piece, to the next.
        patch.setattr(heartmula, "USUAL_POSITIONS", 64)
        patch.setattr(frame_graph, "EXTENTS", (32, 64))
        patch.setattr(player, "EXTENTS", (32, 64))
        patch.setattr(priming, "PIECE_ELSEWHERE", 8)
        patch.setattr(heartmula, "LIVE_WINDOW", 40)
        patch.setattr(heartmula, "LIVE_KEPT", 20)
        # Counting weights takes seconds, and there is room enough.
        patch.setattr(heartmula, "sizes_of", lambda *_: Sizes())
        with PretendedCard() as card:
            yield Rig(bursts, card, warm(bursts), warm(bursts, "after"))


def warm(bursts: bool, codec: str = "auto") -> heartmula.HeartMulaEngine:
    with pytest.MonkeyPatch.context() as patch:
        steady_machine(patch)
        engine = heartmula.HeartMulaEngine(
            REFERENCE,
            device="cuda",
            precision="float32",
            codec=codec,
            stream=replace(STREAM, bursts=int(bursts)),
            flavours=TOY,
        )
        engine.warm_up()
    assert engine._live.in_bursts == (bursts and codec != "after")
    return engine


def perform(
    engine: heartmula.HeartMulaEngine,
    clip: ClipRequest,
    texts: Mapping[int, Texts] | None = None,
    stop: int | None = None,
) -> None:
    """Play ``clip``, given up after the frame ``stop``, with new texts from some frames on."""
    frames, heard = 0, clip.texts

    def knobs() -> FrameKnobs:
        nonlocal heard
        heard = (texts or {}).get(frames, heard)
        return FrameKnobs(texts=heard if texts else None)

    items = engine.generate(clip, knobs)
    for item in items:
        frames += isinstance(item, Frame)
        if frames == stop:
            break
    items.close()  # type: ignore[attr-defined]
    assert frames == stop or not clip.endless


def a_clip(rig: Rig) -> None:
    perform(rig.engine, CLIP)


def four_takes(rig: Rig) -> None:
    perform(rig.engine, ClipRequest("j", ("techno",), (3, 4, 5, 6), bpm=480, bars=1))


def live_play_of_four_takes(rig: Rig) -> None:
    perform(rig.engine, ClipRequest("j", ("techno",), (3, 4, 5, 6), endless=True), stop=12)


def a_morph(rig: Rig) -> None:
    perform(rig.engine, ClipRequest("j", ("techno",), (3,), bpm=480, bars=1, tags_b=("jazz",)))


def live_play_beyond_its_window(rig: Rig) -> None:
    perform(rig.engine, LIVE, stop=45)


def tags_changed_twice_quickly(rig: Rig) -> None:
    perform(
        rig.engine,
        LIVE,
        {10: Texts(("jazz",)), 11: Texts(("metal",)), 16: Texts(("ambient",))},
        stop=20,
    )


def a_morph_begun_and_ended_while_playing(rig: Rig) -> None:
    both = Texts(("techno",), ("jazz",))
    perform(rig.engine, LIVE, {5: both, 12: Texts(("techno",))}, stop=18)


def given_up_while_texts_are_read(rig: Rig) -> None:
    perform(rig.engine, LIVE, {10: Texts(("jazz",))}, stop=11)
    perform(rig.engine, LIVE, {10: Texts(("jazz",))}, stop=11)


def one_clip_given_up_and_another(rig: Rig) -> None:
    perform(rig.engine, CLIP, stop=5)
    perform(rig.engine, CLIP)


def takes_that_end(rig: Rig) -> None:
    engine = rig.engine
    engine._policy, before = CodePolicy(valid=60, eos=20), engine._policy
    try:
        perform(rig.engine, ClipRequest("j", ("techno",), (3, 4), bpm=480, bars=1))
    finally:
        engine._policy = before


def frames_that_could_not_be_recorded(rig: Rig) -> None:
    engine = rig.engine
    assert engine._player is not None
    before = engine._player
    engine._player = Player(before.model)
    try:
        perform(rig.engine, LIVE, {6: Texts(("jazz",)), 7: Texts(("metal",))}, stop=12)
    finally:
        engine._player = before


def a_codec_that_comes_after_the_last_frame(rig: Rig) -> None:
    perform(rig.late, CLIP, stop=5)
    perform(rig.late, CLIP)


def memory_that_runs_out_while_the_codec_works(rig: Rig) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("tried to allocate 2 GiB")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StreamingDecoder, "finish", full)
        with pytest.raises(Unavailable):
            perform(rig.late, CLIP)


Scene = Callable[[Rig], None]
SCENES: list[Scene] = [
    a_clip,
    four_takes,
    live_play_of_four_takes,
    a_morph,
    a_morph_begun_and_ended_while_playing,
    live_play_beyond_its_window,
    tags_changed_twice_quickly,
    given_up_while_texts_are_read,
    one_clip_given_up_and_another,
    takes_that_end,
    frames_that_could_not_be_recorded,
    a_codec_that_comes_after_the_last_frame,
    memory_that_runs_out_while_the_codec_works,
]


def found(card: PretendedCard) -> list[str]:
    """All that is wrong: faults, and waits of the host where it should not."""
    clocks = card.clocks
    card.wait_for_all("the end")
    strange = [
        f"{what}: {site} waits for {streams}"
        for what, site, streams in clocks.waits
        if (what, *_place(site)) not in WAITS and what != "the end"
    ]
    # A read that finds the codec's work unfinished as well was held up by it.
    held = [site for what, site, streams in clocks.waits if what == "read" and "sound" in streams]
    faults = [*clocks.faults, *strange, *held]
    clocks.faults.clear()
    clocks.waits.clear()
    return faults


def _place(site: str) -> tuple[str, str]:
    file, _, function = site.partition(" ")
    return file.partition(":")[0], function


QUICK: set[Scene] = {a_clip, tags_changed_twice_quickly, frames_that_could_not_be_recorded}


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(scene, marks=() if scene in QUICK else pytest.mark.slow, id=scene.__name__)
        for scene in SCENES
    ],
)
def test_everything_is_in_order(rig: Rig, scene: Scene) -> None:
    found(rig.card)
    scene(rig)
    assert not found(rig.card)


def test_frames_go_before_the_codec_and_before_primings(rig: Rig) -> None:
    a_clip(rig)
    played = rig.engine._player
    assert played is not None and played.beside is not None
    recordings = [replay for graphs in played._idle for replay in graphs._replays.values()]
    assert {replay.__self__.priority for replay in recordings} == {player.URGENT}  # type: ignore[attr-defined]
    assert rig.card.current.priority == player.URGENT
    codec = rig.engine._lane._stream
    assert codec is not None
    assert played.beside.priority == codec.priority == 0  # type: ignore[attr-defined]


@pytest.mark.slow
def test_live_play_replays_what_was_recorded_before_it_began(rig: Rig) -> None:
    played, codec = rig.engine._player, rig.engine._codec
    assert played is not None and codec is not None

    def recorded() -> tuple[int, int]:
        return played.recordings, codec.graphs.recordings

    before = recorded()
    tags_changed_twice_quickly(rig)
    assert recorded() == before
    walks = [replay.__self__ for _, replay in codec.graphs._walks.values()]  # type: ignore[attr-defined]
    steps = [replay.__self__ for graphs in played._idle for replay in graphs._replays.values()]  # type: ignore[attr-defined]
    assert sum(graph.replays for graph in walks) > 1
    assert sum(graph.replays for graph in steps) > 10


@pytest.mark.slow
def test_a_stream_for_each_priming_would_be_wrong(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(rig.card)
    monkeypatch.setattr(rig.card, "orderings", set())
    monkeypatch.setattr(
        Priming, "_beside", lambda self: torch.cuda.stream(_stream_of_its_own(self))
    )
    tags_changed_twice_quickly(rig)
    assert found(rig.card)


@pytest.mark.slow
def test_recording_everything_on_one_stream_would_be_wrong(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    if rig.bursts:
        pytest.skip("nothing is made beside a window")
    real = torch.cuda.graph
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, pool, *_, **__: real(graph, pool))
    engine = warm(rig.bursts)
    found(rig.card)
    perform(engine, LIVE, stop=12)
    assert any("cuBLAS's workspace" in each for each in found(rig.card))


def _stream_of_its_own(priming: Priming) -> torch.cuda.Stream:
    """It waits for that of the frames, as the one for all primings does."""
    if "own" not in vars(priming):
        vars(priming)["own"] = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream: torch.cuda.Stream = vars(priming)["own"]
    stream.wait_stream(torch.cuda.current_stream())
    return stream


CAUGHT: dict[str, Scene] = {
    "wait_stream in priming.py Priming._beside": frames_that_could_not_be_recorded,
    "wait_stream in priming.py Priming.finish": a_clip,
    "pin_memory in upload.py sent": a_clip,
    "non_blocking in upload.py sent": a_clip,
    "pin_memory in sound.py CodecLane.start": a_clip,
    "non_blocking in sound.py CodecLane.start": a_clip,
    "synchronize in sound.py Pending.wait": a_clip,
    "synchronize in sound.py CodecLane.wait": memory_that_runs_out_while_the_codec_works,
}
"""Everything that orders work, and a scene that goes wrong without it."""

NEEDLESS = {"synchronize in sound.py Pending.took_s"}  # what it waits for is there by then


@pytest.mark.slow
@pytest.mark.parametrize("ordering", CAUGHT)
def test_nothing_that_orders_work_may_be_left_out(
    rig: Rig, ordering: str, request: pytest.FixtureRequest
) -> None:
    found(rig.card)
    rig.card.ignored = ordering
    request.addfinalizer(lambda: found(rig.card))
    try:
        CAUGHT[ordering](rig)
    finally:
        rig.card.ignored = None
    assert ordering in rig.card.orderings
    assert found(rig.card)


def test_nothing_orders_work_but_what_is_tested(rig: Rig) -> None:
    """Of all the scenes that this session has played before."""
    assert rig.card.orderings <= CAUGHT.keys() | NEEDLESS
