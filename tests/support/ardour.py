"""Ardour 7 without a screen: lay a WAV into a session, export it, or play it through JACK.

The session is made by Ardour itself; the clip is then written into its XML as Ardour would:
two sources (left and right), one region for the whole file, and one per place in the
playlist. Times are in superclock ticks, 282,240,000 a second (Ardour's libs/temporal).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

import soundfile

LIBRARIES = Path("/usr/lib/ardour7")
OSC_PORT = 3819
_TICKS = 282_240_000
_OSC = "Open Sound Control (OSC)"
_TRACK = "clip"


def why_no_ardour() -> str:
    """Why Ardour cannot be used here; empty when it can."""
    tools = ("ardour7-lua", "ardour7-export")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return f"no {', '.join(missing)} on this machine (install ardour)" if missing else ""


class Session:
    """A session in ``folder`` with one stereo track, at the rate of ``wav``."""

    def __init__(self, folder: Path, wav: Path, starts: Sequence[int] = (0,)) -> None:
        """``starts``: where the clip lies, in samples."""
        self.folder = folder
        self.name = "clips"
        # Nothing of the user's own Ardour is read or changed.
        self.env = {**os.environ, "HOME": str(folder.parent / "home")}
        (folder.parent / "home").mkdir(exist_ok=True)
        info = soundfile.info(wav)
        script = folder.parent / "make.lua"
        script.write_text(
            f"local s = create_session({str(folder)!r}, {self.name!r}, {info.samplerate})\n"
            f"s:new_audio_track(2, 2, nil, 1, '{_TRACK}', ARDOUR.PresentationInfo.max_order, "
            "ARDOUR.TrackMode.Normal, true)\ns:save_state('')\ns:close()\n"
        )
        self._run("ardour7-lua", str(script))
        self._lay(wav, info.frames, info.samplerate, starts)

    def export(self, wav: Path, bits: str) -> None:
        """Render the session through its master bus into ``wav``."""
        self._run("ardour7-export", "-b", bits, "-o", str(wav), str(self.folder), self.name)

    def play_command(self) -> tuple[list[str], dict[str, str]]:
        """Command and environment of a headless Ardour with this session, listening to OSC."""
        (program,) = LIBRARIES.glob("hardour-*")
        env = {
            **self.env,
            "LD_LIBRARY_PATH": str(LIBRARIES),
            "ARDOUR_DATA_PATH": "/usr/share/ardour7",
            "ARDOUR_CONFIG_PATH": "/etc/ardour7",
            "ARDOUR_DLL_PATH": str(LIBRARIES),
        }
        return [str(program), str(self.folder), self.name], env

    def _run(self, *command: str) -> None:
        # Ardour's tools die in their own shutting down now and then (munmap_chunk): three tries.
        for _ in range(3):
            done = subprocess.run(
                command, env=self.env, capture_output=True, text=True, timeout=100, check=False
            )
            if done.returncode >= 0:
                break
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"

    def _lay(self, wav: Path, frames: int, rate: int, starts: Sequence[int]) -> None:
        path = self.folder / f"{self.name}.ardour"
        tree = Xml.parse(path)
        root = tree.getroot()
        for channel in (0, 1):
            Xml.SubElement(_child(root, "Sources"), "Source", {
                "name": str(wav), "type": "audio", "flags": "", "id": str(9000 + channel),
                "take-id": "", "natural-position": "a0", "have-natural-position": "0",
                "origin": str(wav), "channel": str(channel), "gain": "1",
            })  # fmt: skip
        ticks = frames * _TICKS // rate
        _region(_child(root, "Regions"), 9010, ticks, 0, whole=True)
        for number, start in enumerate(starts):
            place = start * _TICKS // rate
            _region(_child(root, "Playlists/Playlist"), 9011 + number, ticks, place, whole=False)
        Xml.SubElement(_child(root, "Locations"), "Location", {
            "version": "7002", "id": "9500", "name": "session", "start": "a0",
            "end": f"a{(max(starts) + frames) * _TICKS // rate}", "flags": "IsSessionRange",
            "locked": "0", "position-lock-style": "AudioTime", "timestamp": "0",
        })  # fmt: skip
        # Ardour connects a new track in the background, and may not be done when it saves.
        for channel in (1, 2):
            _connect(root, f"{_TRACK}/audio_out {channel}", f"Master/audio_in {channel}")
        for protocol in root.iter("Protocol"):
            if protocol.get("name") == _OSC:
                protocol.set("active", "1")
        root.set("id-counter", "10000")
        tree.write(path, encoding="UTF-8", xml_declaration=True)


def _child(root: Xml.Element, path: str) -> Xml.Element:
    found = root.find(path)
    assert found is not None, f"Ardour wrote no {path}"
    return found


def _connect(root: Xml.Element, one: str, other: str) -> None:
    for port in root.iter("Port"):
        for name, peer in ((one, other), (other, one)):
            if port.get("name") == name and port.find(f"Connection[@other='{peer}']") is None:
                Xml.SubElement(port, "Connection", {"other": peer})


def _region(parent: Xml.Element, number: int, ticks: int, place: int, *, whole: bool) -> None:
    off = (
        "muted locked video-locked automatic import sync-marked left-of-split right-of-split "
        "hidden position-locked valid-transients layering-index envelope-active default-fade-in "
        "default-fade-out fade-in-active fade-out-active"
    )
    Xml.SubElement(parent, "Region", {
        **dict.fromkeys(off.split(), "0"), "name": f"clip.{number}", "type": "audio",
        "opaque": "1", "whole-file": str(int(whole)), "external": "1", "start": "a0",
        "length": f"a{ticks}@a{place}", "sync-position": "a0", "ancestral-start": "a0",
        "ancestral-length": "a0@a0", "stretch": "1", "shift": "1", "scale-amplitude": "1",
        "id": str(number), "channels": "2", "first-edit": "nothing", "source-0": "9000",
        "source-1": "9001", "master-source-0": "9000", "master-source-1": "9001",
    })  # fmt: skip
