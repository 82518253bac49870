"""The table of settings: a row each, and the frozen Config that the rows make up.

Options, environment variables, the keys of a config file and ``--help`` all come from here: a
new setting is a new row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from mula_bridge.control.messages import AUTO, Clock
from mula_daemon.settings.choices import BeatsMode, Daw, Layout
from mula_daemon.settings.default_folder import Default, default_folder
from mula_daemon.settings.limits import Limits, parse_limits
from mula_daemon.settings.output_settings import OutputSettings
from mula_daemon.settings.parsing import (
    DEFAULT_OSC,
    OFF,
    channel_pair,
    host_port,
    hosts_ports,
    items,
    latency,
    midi_ports,
    nanoseconds,
    on_off,
    or_off,
    path,
    seconds,
)
from mula_daemon.settings.setting import ROW, SettingRow, choice, setting


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting, ready for use; built once at start and passed down.

    An empty text or None is "choose for me", but an address, port or output that is None is off.
    """

    # fmt: off
    engine: str = setting("engine", AUTO, str, "NAME", "which model (default {default})")
    checkpoint: str = setting(
        "checkpoint", "", str, "DIR|NAME",
        "folder with the model's weights, or a release that was pulled, such as heartmula-rl")
    device: str = choice(
        "device", AUTO, (AUTO, "cuda", "mps", "cpu"), str,
        "what HeartMuLa computes on (default: the first that fits)")
    precision: str = setting(
        "precision", AUTO, str, "NAME",
        "HeartMuLa's weights: float32, bfloat16, int8, int4 (default {default}, which is bfloat16)")
    codec: str = choice(
        "codec", AUTO, (AUTO, "gpu", "after", "cpu"), str,
        "where HeartMuLa's codec lives: on the GPU, there only after the last frame, or on the CPU "
        "(default: what fits)")
    codec_stream: str = setting(
        "codec_stream", "", str, "NAME=N,...",
        "how it streams: first, context, hop (frames of 80 ms), steps, guidance "
        "(default first=77,context=52,hop=25,steps=10,guidance=1.25; flow=tf32 or "
        "flow=bfloat16 computes less exactly on a GPU; see mula bench codec); live play chooses "
        "what is not named (flow=loaded computes as the transformer was loaded), and with bursts=0 "
        "makes frames one by one")
    ending: str = choice(
        "ending", "go-on", ("go-on", "stop"), str,
        "whether HeartMuLa may end a clip early; live play it never ends (default {default})")
    kit: str = setting(
        "kit", "", str, "DIR",
        "your own one-shots for mini's drums: kick.wav, snare.wav, hats_open909.wav, ...")
    wants_stems: bool = setting(
        "stems", OFF, on_off, "",
        "write each of mini's instruments as a file of its own beside the clip")
    folder: Path | None = setting(
        "folder", "", path, "DIR",
        "where clips land (default: your music folder; mula doctor shows it)")
    daw: Daw = choice(
        "daw", Daw.AUTO, Daw, Daw,
        "whose folder to choose (default {default}: Live's library if there is one)")
    clip_layout: Layout = choice(
        "layout", Layout.FLAT, Layout, Layout,
        "new clips in the folder itself, or in one for each day or each job (default {default})")
    limits: Limits = setting(
        "limit", "", parse_limits, "CLIPS|SIZE,...",
        "archive the oldest clips that nobody kept beyond so many, such as 500,20GB")
    osc_address: tuple[str, int] = setting(
        "osc", DEFAULT_OSC, host_port, "HOST:PORT", "where to listen for OSC (default {default})")
    osc_tcp_address: tuple[str, int] | None = setting(
        "osc_tcp", OFF, or_off(host_port), "HOST:PORT|off",
        "where to listen for OSC over TCP (default {default})")
    http_address: tuple[str, int] | None = setting(
        "http", "127.0.0.1:7772", or_off(host_port), "HOST:PORT|off",
        "where to serve OSCQuery and the page (default {default})")
    advertise: bool = setting(
        "advertise", OFF, on_off, "on|off",
        "announce OSC and OSCQuery on the network by zeroconf (default {default})")
    audio: str | None = setting(
        "audio", "", or_off(str), "NAME|off",
        "audio output, by a part of its name (default: the system's)")
    audio_channels: tuple[int, int] = setting(
        "audio_channels", "1-2", channel_pair, "L-R",
        "the pair of outputs to play on (default {default})")
    audio_latency: float | str = setting(
        "audio_latency", "high", latency, "low|high|MS",
        "what to ask of the audio driver (default {default})")
    audio_buffer_seconds: float = setting(
        "audio_buffer", "30", seconds(5, 400), "MS",
        "sound kept ahead of the driver, for a busy machine (default {default}; 5 to 400)")
    live_lead_ns: int = setting(
        "live_lead", "125", nanoseconds(10, 5000), "MS",
        "how long before it is heard live play reads the knobs (default {default}; more where "
        "needed)")
    midi_ports: tuple[str | None, str] | None = setting(
        "midi", "*", or_off(midi_ports), "[SYSTEM:]PATTERN|off",
        "MIDI inputs to open, such as 'nano*' or 'jack:*' (default {default})")
    mappings: tuple[str, ...] = setting(
        "mapping", "", items, "FILE|NAME,...",
        "controller maps, yours or shipped ones, later ones win (default generic-8-knobs)")
    presets: Path | None = setting(
        "presets", "", path, "FILE",
        "where your own presets are kept (default: your user data folder)")
    learnt: Path | None = setting(
        "learnt", "", path, "FILE",
        "where learnt MIDI controls are kept (default: your user data folder)")
    feedback_targets: tuple[tuple[str, int], ...] = setting(
        "feedback", "", hosts_ports, "HOST:PORT,...", "OSC targets that always get every change")
    allowed_hosts: tuple[str, ...] = setting(
        "allow", "", items, "ADDRESS,...",
        "other machines that may send OSC (needs --osc beyond loopback)")
    scheduled: bool = choice(
        "timetags", "now", ("now", "wait"), "wait".__eq__,
        "obey time-tagged OSC bundles now, or at their time (default {default})")
    clock_source: str = choice(
        "clock", AUTO, (AUTO, *Clock), str,
        "whose time to follow; auto takes the first that is there (default {default})")
    link: bool = setting(
        "link", OFF, on_off, "on|off",
        "let auto follow Ableton Link, which opens the network (default {default})")
    follow_texts: bool = choice(
        "texts", "next", ("next", "now"), "now".__eq__,
        "tags and lyrics you change act on the next clip, or already on the running one "
        "(default {default})")
    rerolls: int = choice(
        "reroll", "0", ("0", "1", "2"), int,
        "make a take again that is near-silent, falls silent or ends early, with the next seed; "
        "live play, too (default {default}: never)")
    beats_mode: BeatsMode = choice(
        "beats", BeatsMode.TRIM, BeatsMode, BeatsMode,
        "clips of models without a tempo of their own: cut to whole bars of the one they have, "
        "only measured, or neither (default {default}; needs mulabridge[beats])")
    # fmt: on

    @property
    def clip_folder(self) -> Default:
        """Where clips land, and why there."""
        if self.folder is not None:
            return Default(self.folder, "it was asked for with --folder")
        return default_folder(self.daw)

    @property
    def output_settings(self) -> OutputSettings | None:
        """Which audio interface, and how; None for off."""
        if self.audio is None:
            return None
        return OutputSettings(self.audio, self.audio_latency, self.audio_channels)

    def alone(self) -> Config:
        """The same, out of the way of a daemon: OSC on a port that is free, no MIDI, no page."""
        return replace(self, osc_address=("127.0.0.1", 0), midi_ports=None, http_address=None)


SETTINGS: Final[Mapping[str, SettingRow]] = MappingProxyType(
    {row.name: row for row in (one.metadata[ROW] for one in fields(Config))}
)
"""Every row, by the name that a user writes."""
