"""Hear what a genre's grammar composes, without training anything.

``python -m mula_daemon.engine.mini.train.composing jazz --seed 3 --key Fmaj --out jazz.wav``
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import numpy as np
import soundfile

from mula_daemon.engine.mini import tags, tokens
from mula_daemon.engine.mini.synth import SAMPLE_RATE, ClipRenderer, Synthesiser
from mula_daemon.engine.mini.train.genre import genres
from mula_daemon.engine.mini.train.material import compose


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="mula_daemon.engine.mini.train.composing", description=__doc__
    )
    parser.add_argument("genre", choices=tags.GENRES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bars", type=int, default=tokens.PHRASE_BARS)
    parser.add_argument("--bpm", type=float, help="default: the middle of the genre's own")
    parser.add_argument("--key", default="", help="as in Amin; default: C in the genre's scale")
    parser.add_argument("--out", type=Path, required=True, help="the WAV file to write")
    options = parser.parse_args(argv)
    grammar = genres()[options.genre]
    piece = compose(options.genre, random.Random(options.seed), options.bars)
    synthesiser = Synthesiser(
        options.bpm or sum(grammar.bpm) / 2,
        options.key or ("C" if grammar.scale == "major" else "Cmin"),
        options.seed,
    )
    renderer = ClipRenderer(synthesiser, len(piece.codes))
    clip = np.concatenate([renderer.render(codes).mix for codes in piece.codes])
    for sound in renderer.seam():
        clip[sound.at : sound.at + len(sound.mix)] = sound.mix
    soundfile.write(options.out, clip, SAMPLE_RATE, subtype="PCM_24")
    sys.stdout.write(f"{options.out}: {', '.join(piece.tags)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
