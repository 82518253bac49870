"""Does each knob of `mini` do what it says? Ends in one line of JSON.

``mula bench knobs``: adherence to the asked genre against guidance and genre strength, steering
in the middle of a clip, entropy against temperature, variety against top-k, instruments and
energies against their tags; and whether clips are exactly as long as their bars and loop without
a click. ``--plot FILE.png`` draws them.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from mula_bridge.control import Curve
from mula_bridge.errors import Unavailable
from mula_bridge.mapping import BASE, find_mapping, load_mapping
from mula_daemon.bench import plots
from mula_daemon.bench.clip_sampler import PHRASE, ClipSampler, SamplerJob, SamplerSetting
from mula_daemon.bench.figures import print_json
from mula_daemon.bench.genre_classifier import GenreClassifier, train_classifier
from mula_daemon.bench.sound import measure_loops
from mula_daemon.engine.lm import Codes
from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.train import compose, instruments_in

CFGS: Final = (0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
QUICK_CFGS: Final = (0.0, 1.0, 1.5, 3.0, 4.0)
STRENGTHS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
TEMPERATURES: Final = (0.5, 0.7, 0.9, 1.1, 1.3)
TOP_KS: Final = (2, 5, 10, 20, 50)
POP: Final = "pop"
EVERY_CODE: Final = 250
SETTING: Final = SamplerSetting(3.0)
_PIECES: Final = 30
Say = Callable[[str], None]


def adherence(
    sampler: ClipSampler, ear: GenreClassifier, clips: int, setting: SamplerSetting
) -> dict[str, float]:
    """Share of two-bar windows that are heard as the asked genre, by genre."""
    return {
        genre: float((ear.genres(codes) == tags.GENRES.index(genre)).mean())
        for genre, codes in sampler.clips(tags.GENRES, clips, setting).items()
    }


def mean(by_name: Mapping[str, float]) -> float:
    """The mean over genres."""
    return float(np.mean(list(by_name.values())))


def strength_setting(curve: Curve, strength: float) -> SamplerSetting:
    """Where the macro knob at ``strength`` 0..1 puts guidance, temperature and top-k."""
    at = curve.at(strength)
    return SamplerSetting(float(at["cfg"]), float(at["temperature"]), int(at["top_k"]))


def shipped_curve() -> Curve:
    """The genre_strength curve of the bundled presets."""
    curve = load_mapping([find_mapping(BASE)]).genre_strength
    if curve is None:
        raise Unavailable(f"{BASE}.yaml has no genre_strength curve; reinstall mulabridge")
    return curve


@dataclass(frozen=True, slots=True)
class KnobTurn:
    """Of ``clips`` clips whose bars 3 and 4 were heard as one thing, the ``share`` whose last
    two bars were heard as another after guidance was turned at bar 4.
    """

    share: float
    clips: int


def turn(
    sampler: ClipSampler,
    clips: Mapping[str, Codes],
    cfg: float,
    chosen: Callable[[int, Codes], Codes],
    came: Callable[[int, Codes], Codes],
) -> KnobTurn:
    """Turns guidance to ``cfg`` at bar 4 in the ``clips`` [N, 128, 8] by asked genre.

    ``chosen`` says of a genre's number and its clips which to turn, ``came`` of the turned ones
    which are where they should be: bool [N].
    """
    jobs = []
    for genre, codes in clips.items():
        if genre != POP and len(seeds := np.flatnonzero(chosen(tags.GENRES.index(genre), codes))):
            half = codes[seeds, : PHRASE // 2]
            jobs.append(
                SamplerJob((genre,), tuple(seeds.tolist()), SamplerSetting(cfg), history=half)
            )
    hits = [
        came(tags.GENRES.index(job.asked[0]), codes)
        for job, codes in zip(jobs, sampler.play(jobs), strict=True)
    ]
    every = np.concatenate(hits) if hits else np.zeros(0)
    return KnobTurn(float(every.mean()) if len(every) else 0.0, len(every))


def mid_clip(sampler: ClipSampler, ear: GenreClassifier, clips: int) -> tuple[KnobTurn, KnobTurn]:
    """What a turn of guidance at bar 4 of 8 does, over all genres but pop.

    First: of the clips that had drifted to pop at cfg 1, those whose last two bars are in the
    asked genre after a turn to 3. Second: of the clips that were in the genre at cfg 3, those
    whose last two bars have left it after a turn to 0.
    """
    pop = tags.GENRES.index(POP)
    up = turn(
        sampler,
        sampler.clips(tags.GENRES, clips, SamplerSetting(1.0)),
        3.0,
        lambda genre, codes: ear.genres(codes)[:, 1] == pop,
        lambda genre, codes: ear.genres(codes)[:, -1] == genre,
    )
    down = turn(
        sampler,
        sampler.clips(tags.GENRES, clips, SamplerSetting(3.0)),
        0.0,
        lambda genre, codes: ear.genres(codes)[:, 1] == genre,
        lambda genre, codes: ear.genres(codes)[:, -1] != genre,
    )
    return up, down


def entropy(codes: Codes) -> float:
    """Bits per code: of each codebook at each place in the bar, over clips and bars; the mean."""
    bars = codes.reshape(-1, tokens.STEPS_PER_BAR, codes.shape[-1])
    total = 0.0
    for place in range(bars.shape[1]):
        for codebook in range(bars.shape[2]):
            shares = np.bincount(bars[:, place, codebook]) / len(bars)
            shares = shares[shares > 0]
            total -= float((shares * np.log2(shares)).sum())
    return total / (bars.shape[1] * bars.shape[2])


def distinct(codes: Codes) -> int:
    """How many different codes are used, over all codebooks."""
    return sum(len(np.unique(codes[..., codebook])) for codebook in range(codes.shape[-1]))


def bar_similarity(codes: Codes) -> NDArray[np.float64]:
    """[bars, bars] of clips [N, S, 8]: of the codes that are no rest in either of two bars, the
    share that is the same in both; the mean over clips. 1 on the diagonal.
    """
    clips, frames = codes.shape[:2]
    bars = codes.reshape(clips, frames // tokens.STEPS_PER_BAR, -1)  # [N, L, 16 * 8]
    one, other = bars[:, :, None], bars[:, None]
    sounding = (one != tokens.REST) | (other != tokens.REST)
    same = ((one == other) & sounding).sum(-1) / np.maximum(sounding.sum(-1), 1)
    out: NDArray[np.float64] = same.mean(0)
    return out


def grammar_clips(pieces: int) -> Codes:
    """Codes int64 [16 * pieces, 128, 8]: ``pieces`` pieces of every genre's grammar."""
    return np.stack(
        [
            compose(genre, random.Random(f"form/{number}")).codes.astype(np.int64)
            for genre in tags.GENRES
            for number in range(pieces)
        ]
    )


def homes() -> dict[str, str]:
    """By instrument tag, the genre whose grammar plays it in about every third piece: there a
    tag makes the difference."""
    found = {}
    for tag in tags.INSTRUMENTS:
        shares = {
            genre: np.mean([tag in piece for piece in _grammar(genre)]) for genre in tags.GENRES
        }
        played = {genre: share for genre, share in shares.items() if share}
        found[tag] = min(played, key=lambda genre: abs(played[genre] - 1 / 3))
    return found


@cache
def _grammar(genre: str) -> list[tuple[str, ...]]:
    """The tags of some pieces."""
    return [compose(genre, random.Random(f"steering/{n}")).tags for n in range(_PIECES)]


def share_with(clips: Codes, instrument: str) -> float:
    """In how many of the ``clips`` [N, S, 8] it sounds, 0..1."""
    return float(np.mean([instrument in instruments_in(codes) for codes in clips]))


def instruments(sampler: ClipSampler, clips: int) -> dict[str, tuple[float, float]]:
    """The share of clips an instrument sounds in, by instrument: asked for beside its
    home, and the home alone."""
    home = homes()
    jobs = [SamplerJob((genre, tag), tuple(range(clips)), SETTING) for tag, genre in home.items()]
    asked = sampler.play(jobs)
    alone = sampler.clips(tags.GENRES, clips, SETTING)
    return {
        tag: (share_with(codes, tag), share_with(alone[genre], tag))
        for (tag, genre), codes in zip(home.items(), asked, strict=True)
    }


def onsets(clips: Codes) -> float:
    """Beginnings of notes and hits in a bar, of clips [N, S, 8]."""
    sounding = clips[..., : tokens.TEXTURE]
    begun = (sounding != tokens.REST) & ~(
        (sounding == tokens.HOLD) & (np.arange(tokens.TEXTURE) >= tokens.BASS)
    )
    bars = len(clips) * clips.shape[1] // tokens.STEPS_PER_BAR
    return float(begun.sum() / bars)


def energies(sampler: ClipSampler, genres: Sequence[str], clips: int) -> dict[str, float]:
    """`onsets` by energy tag, beside each of ``genres``; the mean over them."""
    found = {}
    for energy in tags.ENERGIES:
        jobs = [SamplerJob((genre, energy), tuple(range(clips)), SETTING) for genre in genres]
        found[energy] = float(np.mean([onsets(codes) for codes in sampler.play(jobs)]))
    return found


def measure(sampler: ClipSampler, clips: int, quick: bool, say: Say) -> dict[str, Any]:
    """Everything that codes tell, with ``clips`` clips per genre and setting, as it is printed.

    Shares are of two-bar windows, 0..1, but for ``mid_clip`` and the instruments (of clips);
    entropies are bits per code, onsets per bar; keys are what the knob was set to. Instruments are
    those of a genre that plays them at times, with their tag and without. ``bar_similarity`` is
    [8, 8] by "grammar" and "mini" at cfg 3, ``loop_click`` the worst `click`.
    """
    ear = train_classifier()
    say(f"classifier: {ear.accuracy:.3f} of unseen two-bar windows right")
    heard: dict[str, float] = {}
    for cfg in QUICK_CFGS if quick else CFGS:
        by_genre = adherence(sampler, ear, clips, SamplerSetting(cfg))
        heard[str(cfg)] = mean(by_genre)
        lowest = min(by_genre, key=lambda genre: by_genre[genre])
        say(f"cfg {cfg}: adherence {mean(by_genre):.3f}, lowest {by_genre[lowest]:.3f} ({lowest})")
    up, down = mid_clip(sampler, ear, clips)
    say(
        f"cfg 1 to 3 at bar 4 brings {up.share:.3f} of {up.clips} clips back; "
        f"3 to 0 lets {down.share:.3f} of {down.clips} go"
    )
    curve = shipped_curve()
    strengths: dict[str, float] = {}
    for strength in STRENGTHS:
        at = strength_setting(curve, strength)
        strengths[str(strength)] = mean(adherence(sampler, ear, clips, at))
        say(f"genre strength {strength}: adherence {strengths[str(strength)]:.3f}")

    some = tags.GENRES[::4]  # four very different ones tell as much as sixteen

    def over_genres(figure: Callable[[Codes], float], setting: SamplerSetting) -> float:
        return float(np.mean([*map(figure, sampler.clips(some, clips, setting).values())]))

    entropies = {
        str(value): over_genres(entropy, SamplerSetting(1.5, value, EVERY_CODE))
        for value in TEMPERATURES
    }
    say(f"entropy in bits by temperature: {entropies}")
    codes_used = {
        str(value): over_genres(distinct, SamplerSetting(1.5, 1.0, value)) for value in TOP_KS
    }
    say(f"distinct codes by top-k: {codes_used}")
    played = instruments(sampler, max(8, clips // 2))
    asked = {tag: share for tag, (share, _) in played.items()}
    alone = {tag: share for tag, (_, share) in played.items()}
    by_energy = energies(sampler, some, clips)
    say(
        f"instruments: {mean(asked):.3f} when asked for, {mean(alone):.3f} when not; "
        f"onsets a bar: {by_energy}"
    )
    twenty = sampler.clips(["techno"], 20, SETTING)["techno"]
    at_3 = [*sampler.clips(tags.GENRES, clips, SETTING).values()]
    forms = {"grammar": grammar_clips(clips), "mini": np.concatenate(at_3)}
    rendered = [clip for codes in at_3 for clip in codes[: 1 if quick else 3]]
    bar_exact, worst_click = measure_loops(rendered)
    say(f"{bar_exact:.0%} of {len(rendered)} are exact; worst seam {worst_click:.3f}")
    return {
        "clips": clips,
        "classifier_accuracy": ear.accuracy,
        "adherence": heard,
        "per_genre_at_3": adherence(sampler, ear, clips, SETTING),
        "genre_strength": strengths,
        "mid_clip": up.share,
        "mid_clip_drifted": up.clips,
        "mid_clip_release": down.share,
        "entropy_by_temperature": entropies,
        "codes_by_top_k": codes_used,
        "instruments_asked": asked,
        "instruments_alone": alone,
        "onsets_by_energy": by_energy,
        "different_clips_of_20_seeds": len({clip.tobytes() for clip in twenty}),
        "bar_similarity": {
            who: bar_similarity(codes).round(3).tolist() for who, codes in forms.items()
        },
        "loops_rendered": len(rendered),
        "bar_exact": bar_exact,
        "loop_click": worst_click,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; prints progress and last one line of JSON. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="mula bench knobs", description=__doc__)
    parser.add_argument("--clips", type=int, default=40, help="clips per genre and setting")
    parser.add_argument("--quick", action="store_true", help="8 clips, fewer settings")
    parser.add_argument("--weights", type=Path, help="other weights, as training writes them")
    parser.add_argument("--workers", type=int, default=2, help="processes that sample")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the figures")
    options = parser.parse_args(argv)
    if options.plot:
        plots.require()
    clips = min(options.clips, 8) if options.quick else options.clips
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", flush=True)

    torch.set_num_threads(1)  # as the engine has it: a second thread costs more than it brings
    with ClipSampler(options.weights, options.workers) as sampler:
        found = measure(sampler, clips, options.quick, say)
    if options.plot:
        plots.draw(found, options.plot)
        say(f"drawn in {options.plot}")
    print_json(**found)
    return 0
