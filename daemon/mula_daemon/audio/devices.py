"""Which audio outputs there are, and which one a musician means."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any, Final

from msgspec import Struct

from mula_bridge.errors import Unavailable, nearest

_BEST_FIRST: Final = ("asio", "core audio", "jack", "wasapi", "alsa", "directsound", "mme")
"""Windows lists one interface under several host APIs: take the one with the least latency."""
_NOTHING: Final = "no audio output on this machine: plug in an interface or start JACK"
_INSTALL: Final = (
    "install PortAudio (Debian: apt install libportaudio2; macOS: brew install portaudio)"
)


class Output(Struct, frozen=True):
    """One audio output as PortAudio lists it: ``index`` there, ``rate`` in Hz.

    ``default`` marks the system's choice, ``api_default`` its host API's.
    """

    index: int
    name: str
    host_api: str
    channels: int
    rate: int
    default: bool = False
    api_default: bool = False

    def __str__(self) -> str:
        return f"{self.name} ({self.host_api}, {self.channels} channels, {self.rate} Hz)"


class Outputs(Struct, frozen=True):
    """What ``scan_outputs`` found; ``problem`` says why there is nothing, else it is empty."""

    outputs: tuple[Output, ...]
    problem: str = ""


def scan_outputs() -> Outputs:
    """Every audio output, as this process's PortAudio has them; for a process that may hang.
    Never raises: what is wrong is in ``problem``."""
    try:
        sounddevice = acquire()
        try:
            outputs = known_outputs(sounddevice)
        finally:
            give_back(sounddevice)
    except Unavailable as error:
        return Outputs((), str(error))
    return Outputs(outputs, "" if outputs else _NOTHING)


def acquire(wanted: str = "") -> ModuleType:
    """The sounddevice module, started: it lists the devices there are at the first ``acquire``.

    To be paired with ``give_back``. Raises Unavailable with a remedy.
    """
    if "asio" in wanted.lower():
        # sounddevice loads its ASIO build only when told before the first import.
        os.environ.setdefault("SD_ENABLE_ASIO", "1")
    fresh = "sounddevice" not in sys.modules
    try:
        import sounddevice

        if not fresh:  # the import starts PortAudio already
            sounddevice._initialize()
    except ImportError as error:
        raise Unavailable(f"no sound: {error}; pip install sounddevice") from error
    except Exception as error:  # PortAudio is missing (OSError) or does not start (its own error)
        raise Unavailable(f"no sound: {error}; {_INSTALL}") from error
    module: ModuleType = sounddevice
    return module


def give_back(sounddevice: ModuleType) -> None:
    """Stop PortAudio, so that the next ``acquire`` sees devices that came meanwhile."""
    with contextlib.suppress(Exception):  # it is not needed any more, whatever it says
        sounddevice._terminate()


def known_outputs(sounddevice: ModuleType) -> tuple[Output, ...]:
    """The outputs of PortAudio's last scan, but for those that nobody can make sense of.

    Raises Unavailable where there is no list, and where it holds nothing but such.
    """
    found, failure = [], None
    try:
        apis = sounddevice.query_hostapis()
        default = sounddevice.default.device["output"]
    except Exception as error:
        raise Unavailable(f"no sound: the outputs cannot be listed: {refusal(error)}") from error
    for api in apis:
        for index in api["devices"]:
            # A name in no encoding, a rate that is no number, one that has just gone.
            try:
                output = _output(sounddevice.query_devices(index), api, default)
            except Exception as error:
                failure = error
            else:
                found += [output] if output is not None else []
    if failure is not None and not found:
        raise Unavailable(f"no sound: no output can be used: {refusal(failure)}") from failure
    return tuple(found)


def _output(device: dict[str, Any], api: dict[str, Any], default: int) -> Output | None:
    """One of PortAudio's devices; None for an input. Raises ValueError for a rate of none."""
    if device["max_output_channels"] < 1:
        return None
    rate = round(device["default_samplerate"])
    if rate < 1:
        raise ValueError(f"{device['name']} runs at {rate} Hz")
    return Output(
        index=device["index"],
        name=device["name"],
        host_api=api["name"],
        channels=device["max_output_channels"],
        rate=rate,
        default=device["index"] == default,
        api_default=device["index"] == api["default_output_device"],
    )


def refusal(error: Exception) -> str:
    """What PortAudio, or sounddevice, said, and what can be done about it."""
    said = str(error) or repr(error)
    if "sample rate" in said.lower():
        return f"{said}; set it to 44100 or 48000 Hz in its own settings, or choose another one"
    return f"{said}; close the program that holds it, or choose another one"


def choose(outputs: Iterable[Output], wanted: str = "") -> Output:
    """The output meant by ``wanted``.

    Empty: the system's default. Otherwise a host API ("JACK", "ASIO"), a part of a
    device's name, or both ("jack system"), in any case. Raises Unavailable, naming what
    there is.
    """
    outputs = tuple(outputs)
    if not outputs:
        raise Unavailable(_NOTHING)
    words = wanted.lower().split()
    found = [o for o in outputs if all(word in f"{o.name} {o.host_api}".lower() for word in words)]
    if not found:
        close = nearest(wanted, [name for o in outputs for name in (o.name, o.host_api)])
        hint = f"; did you mean {close}?" if close else ""
        listed = "; ".join(map(str, outputs))
        raise Unavailable(f"no audio output matches {wanted!r}{hint}. There are: {listed}")
    return min(found, key=lambda output: _rank(output, wanted))


def _rank(output: Output, wanted: str) -> tuple[bool, bool, int, bool]:
    api = output.host_api.lower()
    place = [i for i, name in enumerate(_BEST_FIRST) if name in api]
    return (
        output.name.lower() != wanted.strip().lower(),
        bool(not wanted.strip() and not output.default),
        place[0] if place else len(_BEST_FIRST),
        not output.api_default,
    )
