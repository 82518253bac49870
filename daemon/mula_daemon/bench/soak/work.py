"""The ordinary work of a daemon, by which a soak knows that it has recovered."""

from __future__ import annotations

import itertools
import json
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from time import monotonic, sleep
from typing import Final

from mula_bridge.osc import encode
from mula_daemon.bench.soak.rig import HOST, KNOB, Rig

Probe = Callable[[], bool]
"""Looks for a moment whether one part works."""

_LOOK_S: Final = 0.4
_QUEUED_S: Final = 3.0
_TEMPO: Final = 240.0
"""BPM; a bar lasts a second."""


class OrdinaryWork:
    """Probes of each part, each over in a moment, and whole errands, which wait for their end."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._ears = rig.ears
        self._count = itertools.count(1)
        self._value = 0
        self.playing = False
        """Whether live play is meant to run now."""
        self.retried = 0
        """Errands that failed once more although every part had been seen to work."""
        self._long = ""
        """The job that was begun to be under way when something breaks."""

    def set_up(self) -> None:
        """Make clips short."""
        self._ears.send("/mula/knob/bars", 1)
        self._ears.send("/mula/knob/bpm", _TEMPO)

    # --- probes -------------------------------------------------------------------------------

    def probes(self, since: float) -> dict[str, Probe]:
        """What has to work again after a fault that was over at ``since`` (monotonic)."""
        found: dict[str, Probe] = {
            "osc": lambda: self._ears.pinged(_LOOK_S),
            "tcp": self._tcp_answers,
            "page": self._page_answers,
            "engine": lambda: self._plays(since),
        }
        if self._rig.server is not None:
            found["sound"] = self._sounds
            found["midi"] = self._midi_turns
        return found

    def recovery(self, over: float, told: float, seconds: float) -> tuple[float, list[str]]:
        """Probe until all work, after a fault that was over at ``over`` and told of at ``told``
        (monotonic): how many seconds later that was, and which never did. Frames from before it
        was told, which were still on their way, do not count."""
        left = self.probes(told)
        self._ears.subscribe()  # which may have run out meanwhile
        while left and monotonic() - over < seconds:
            for name, probe in list(left.items()):
                if probe():
                    del left[name]
        return monotonic() - over, list(left)

    def _tcp_answers(self) -> bool:
        packet = encode("/mula/ping", (7,))
        with suppress(OSError), socket.create_connection((HOST, self._rig.tcp), _LOOK_S) as peer:
            peer.settimeout(_LOOK_S)
            peer.sendall(struct.pack(">i", len(packet)) + packet)
            return b"/mula/pong" in peer.recv(256)
        return False

    def _page_answers(self) -> bool:
        connection = HTTPConnection(HOST, self._rig.http, timeout=_LOOK_S)
        try:
            connection.request("GET", "/?HOST_INFO")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _plays(self, since: float) -> bool:
        """Frames come; where they do not, live play is asked for."""
        now = max(since, monotonic() - _LOOK_S)
        if self._ears.wait("/mula/frame", _LOOK_S, lambda _: True, since=now):
            return True  # of whatever runs: each comes from an engine that works
        self._ears.send("/mula/live", 1)
        self.playing = True
        return False

    def _sounds(self) -> bool:
        device = self._ears.last("/mula/audio/device")
        if device is not None and device[0] == "open":
            return True
        sleep(_LOOK_S / 4)
        return False

    def _midi_turns(self) -> bool:
        assert self._rig.box is not None
        self._value = 20 + (self._value + 37) % 100
        now = monotonic()
        if not self._rig.box.turn(0xB0, self._rig.bound, self._value):
            sleep(_LOOK_S)
            return False
        wanted = 2 * self._value / 127
        address = f"/mula/knob/{KNOB}"
        if self._ears.wait(address, _LOOK_S, lambda args: abs(args[0] - wanted) < 1e-3, since=now):
            return True
        if not self._rig.box.listed:
            self._rig.box.unplug()
        return False

    # --- errands ------------------------------------------------------------------------------

    def play(self) -> None:
        """Have live play run."""
        if not self.playing:
            self._ears.send("/mula/live", 1)
            self.playing = True

    def write_clip(self, bars: int, pace: float) -> None:
        """Begin a clip that takes a while, and wait for nothing."""
        self._stop_playing()
        self._ears.send("/mula/knob/pace", pace)
        self._ears.send("/mula/knob/bars", bars)
        self._end_long()
        self._long = self._name("long")
        self._rig.generate(self._long)
        self._ears.send("/mula/knob/bars", 1)
        self._ears.send("/mula/knob/pace", 0.0)

    def errands(self, deadline: float) -> list[str]:
        """A capture, a clip, a request and a knob, each tried until ``deadline`` (monotonic);
        the names of those that failed."""
        self._end_long()
        steps = {
            "capture": self._capture,
            "clip": self._clip,
            "request": self._request,
            "knob": self._knob,
        }
        failed = []
        for name, step in steps.items():
            while not step():
                self.retried += 1
                if monotonic() > deadline:
                    failed.append(name)
                    break
                sleep(0.1)
        return failed

    def _capture(self) -> bool:
        """A bar that was heard becomes a clip."""
        since = monotonic()
        self._ears.send("/mula/live", 1)
        self.playing = True
        if not self._ears.wait("/mula/frame", 3.0, lambda args: _is_live(args[0]), since=since):
            return False
        end = monotonic() + 6.0
        while monotonic() < end:  # the first bar may not have been heard yet
            self._ears.send("/mula/capture", 1)
            if self._ears.wait("/mula/clip", 1.0, lambda args: _is_live(args[6]), since=since):
                return True
        return False

    def _clip(self) -> bool:
        self._stop_playing()
        job = self._name("clip")
        since = monotonic()
        self._rig.generate(job)
        if not self._ears.wait("/mula/job", _QUEUED_S, lambda args: args[0] == job, since=since):
            return False
        ended = self._ended(job, since)
        return ended == "done" and bool(
            self._ears.wait("/mula/clip", 1.0, lambda args: args[6] == job, since=since)
        )

    def _request(self) -> bool:
        self._stop_playing()
        name = self._name("ask")
        asked = {"version": 1, "id": name, "do": "generate", "knobs": {"bars": 1, "bpm": _TEMPO}}
        inbox = self._rig.disk.clips / ".mula" / "inbox"
        since = monotonic()
        try:
            inbox.mkdir(parents=True, exist_ok=True)
            written = inbox / f"{name}.part"
            written.write_text(json.dumps(asked), encoding="utf-8")
            written.rename(inbox / f"{name}.json")
        except OSError:
            return False
        self._rig.ledger.requests.append(name)
        return self._ended(name, since) == "done"

    def _knob(self) -> bool:
        value = 1.0 + next(self._count) % 400 / 100
        since = monotonic()
        self._ears.send("/mula/knob/cfg", value)  # who asked hears of it by the other address
        return bool(self._ears.wait("/mula/norm/cfg", 1.0, lambda _: True, since=since))

    def _ended(self, job: str, since: float) -> str:
        ends = ("done", "failed", "cancelled")
        said = self._ears.wait(
            "/mula/job", 12.0, lambda args: args[0] == job and args[1] in ends, since=since
        )
        return str(said[1]) if said else ""

    def _end_long(self) -> None:
        """Or such jobs would queue up where faults come one right after the other."""
        if self._long:
            self._ears.send("/mula/cancel", self._long)
            self._long = ""

    def _stop_playing(self) -> None:
        self._ears.send("/mula/live", 0)
        self.playing = False

    def _name(self, kind: str) -> str:
        return f"{kind}{next(self._count)}"


def _is_live(job: str) -> bool:
    """Whether a job is live play, as the daemon names it."""
    return job.startswith("live")
