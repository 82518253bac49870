"""The options that several subcommands share; each is a field of Config."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from mula_daemon.cli import PRECEDENCE
from mula_daemon.settings import DAWS, DEFAULT_HTTP, DEFAULT_OSC, NAMES, ON, Config, load_config

ENGINE_NAMES: Final = ("auto", "mini", "heartmula", "tone")

ENGINE_OPTIONS: Final = (
    "engine", "checkpoint", "device", "precision", "codec", "codec_stream", "ending",
    "kit", "stems",
)  # fmt: skip
"""What every command takes that starts an engine."""

OPTIONS: Final = {
    "engine": ("NAME", f"which model: {', '.join(ENGINE_NAMES)} (default auto)"),
    "checkpoint": ("DIR", "folder with the model's weights, for engines that need one"),
    "precision": (
        "NAME",
        "HeartMuLa's weights: float32, bfloat16, int8, int4 (default auto, which is bfloat16)",
    ),
    "kit": (
        "DIR",
        "your own one-shots for mini's drums: kick.wav, snare.wav, hats_open909.wav, ...",
    ),
    "stems": ("", "write each of mini's instruments as a file of its own beside the clip"),
    "folder": ("DIR", "where clips land (default: your music folder; mula doctor shows it)"),
    "daw": (
        "NAME",
        f"choose the folder for {', '.join(DAWS)} (default auto: Live's library if there is one)",
    ),
    "layout": (
        "flat|date|job",
        "new clips in the folder itself, or in one for each day or each job (default flat)",
    ),
    "limit": (
        "CLIPS|SIZE,...",
        "archive the oldest clips that nobody kept beyond so many, such as 500,20GB",
    ),
    "osc": ("HOST:PORT", f"where to listen for OSC (default {DEFAULT_OSC})"),
    "osc_tcp": ("HOST:PORT|off", "where to listen for OSC over TCP (default off)"),
    "http": ("HOST:PORT|off", f"where to serve OSCQuery and the page (default {DEFAULT_HTTP})"),
    "advertise": ("on|off", "announce OSC and OSCQuery on the network by zeroconf (default off)"),
    "audio": ("NAME|off", "audio output, by a part of its name (default: the system's)"),
    "audio_channels": ("L-R", "the pair of outputs to play on (default 1-2)"),
    "audio_latency": ("low|high|MS", "what to ask of the audio driver (default high)"),
    "audio_buffer": (
        "MS",
        "sound kept ahead of the driver, for a busy machine (default 30; 5 to 400)",
    ),
    "live_lead": (
        "MS",
        "how long before it is heard live play reads the knobs (default 125; more where needed)",
    ),
    "midi": (
        "[SYSTEM:]PATTERN|off",
        "MIDI inputs to open, such as 'nano*' or 'jack:*' (default *)",
    ),
    "mapping": (
        "FILE|NAME,...",
        "controller maps, yours or shipped ones (default generic-8-knobs)",
    ),
    "presets": ("FILE", "where your own presets are kept (default: your user data folder)"),
    "learnt": ("FILE", "where learnt MIDI controls are kept (default: your user data folder)"),
    "feedback": ("HOST:PORT,...", "OSC targets that always get every change"),
    "timetags": ("now|wait", "obey time-tagged OSC bundles now, or at their time (default now)"),
    "clock": (
        "auto|link|midi|internal",
        "whose time to follow; auto takes the first that is there (default auto)",
    ),
    "link": ("on|off", "let auto follow Ableton Link, which opens the network (default off)"),
    "device": ("auto|cuda|mps|cpu", "what HeartMuLa computes on (default: the first that fits)"),
    "codec": (
        "auto|gpu|after|cpu",
        "where HeartMuLa's codec lives: on the GPU, there only after the last frame, or on the CPU "
        "(default: what fits)",
    ),
    "codec_stream": (
        "NAME=N,...",
        "how it streams: first, context, hop (frames of 80 ms), steps, guidance "
        "(default first=77,context=52,hop=25,steps=10,guidance=1.25; see mula bench codec)",
    ),
    "ending": ("go-on|stop", "whether HeartMuLa may end a clip early (default go-on)"),
    "reroll": ("0|1|2", "make a near-silent take again, with the next seed (default 0: never)"),
    "texts": (
        "next|now",
        "tags and lyrics you change act on the next clip, or already on the running one "
        "(default next)",
    ),
    "beats": (
        "trim|report|off",
        "clips of models without a tempo of their own: cut to whole bars of the one they have, "
        "only measured, or neither (default trim; needs mulabridge[beats])",
    ),
    "allow": ("ADDRESS,...", "other machines that may send OSC (needs --osc beyond loopback)"),
}
"""Config field -> metavar and help; an option without a metavar is a switch."""


def parser(command: str, description: str, names: tuple[str, ...]) -> argparse.ArgumentParser:
    """A parser for ``mula COMMAND`` with the named config options and ``--config``."""
    made = argparse.ArgumentParser(
        prog=f"mula {command}", description=description, epilog=PRECEDENCE
    )
    for name in names:
        metavar, text = OPTIONS[name]
        option = f"--{name.replace('_', '-')}"
        if metavar:
            made.add_argument(option, dest=name, metavar=metavar, help=text)
        else:
            made.add_argument(option, dest=name, action="store_const", const=ON, help=text)
    made.add_argument("--config", metavar="FILE", type=Path, help="config file (YAML)")
    return made


def config_of(parsed: argparse.Namespace, **fixed: str) -> Config:
    """The Config of parsed options; ``fixed`` wins over everything. Raises ConfigError."""
    options = {name: getattr(parsed, name, None) for name in NAMES}
    return load_config({**options, **fixed}, config_file=parsed.config)
