"""Texts as they are written in settings, made into values. Pure; each raises BadInput."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from mula_bridge.errors import BadInput

ON: Final = "on"
OFF: Final = "off"
DEFAULT_OSC: Final = "127.0.0.1:7770"
_MIDI_SYSTEMS: Final = ("alsa", "jack", "core", "windows")

T = TypeVar("T")


def or_off(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """As ``parse``, and None for "off"."""
    return lambda text: None if text == OFF else parse(text)


def on_off(text: str) -> bool:
    """Whether it is "on"."""
    if text not in (ON, OFF):
        raise BadInput(f"{text!r} is neither on nor off")
    return text == ON


def items(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


def path(text: str) -> Path | None:
    """A path, ``~`` for the home folder; None when nothing is written."""
    return Path(text).expanduser() if text else None


def host_port(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``:PORT`` or ``PORT``; IPv6 hosts in square brackets."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not port.isdecimal() or int(port) > 65535:
        raise BadInput(f"{text!r} is not HOST:PORT, such as {DEFAULT_OSC}")
    return host, int(port)


def hosts_ports(text: str) -> tuple[tuple[str, int], ...]:
    """Each as for `host_port`, with commas between them."""
    return tuple(map(host_port, items(text)))


def midi_ports(text: str) -> tuple[str | None, str]:
    """MIDI system (None: this machine's own) and port pattern, from ``[SYSTEM:]PATTERN``."""
    system, colon, pattern = text.partition(":")
    return (system, pattern) if colon and system in _MIDI_SYSTEMS else (None, text)


def channel_pair(text: str) -> tuple[int, int]:
    """Two channels, counted from 1, from ``L-R``."""
    left, _, right = text.partition("-")
    if not (left.isdecimal() and right.isdecimal() and int(left) and int(right)):
        raise BadInput(f"{text!r} is no pair such as 3-4")
    return int(left), int(right)


def latency(text: str) -> float | str:
    """``low``, ``high``, or milliseconds as seconds."""
    return text if text in ("low", "high") else seconds(1, 500)(text)


def seconds(least: float, most: float) -> Callable[[str], float]:
    """Milliseconds from ``least`` to ``most``, as seconds."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise BadInput(f"{text!r} is not a number of ms from {least:g} to {most:g}")
        return value / 1000

    return parse


def nanoseconds(least: float, most: float) -> Callable[[str], int]:
    """Milliseconds from ``least`` to ``most``, as nanoseconds."""
    parse = seconds(least, most)
    return lambda text: round(parse(text) * 1e9)
