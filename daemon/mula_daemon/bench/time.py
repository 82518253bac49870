"""``mula bench time``: do two daemons begin their bars when everybody else does?

Against a foreign Link peer, with tempo changes from both sides, and against jack_midi_clock
at three tempi on a JACK server without a sound card. The daemons are processes of their own
and say their bars by ``/mula/beat``, which tells how late it comes; what is compared is the
bar line it speaks of. ``heard`` is the message itself, as a program would use it that does
not look at that.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen
from time import monotonic, perf_counter_ns, sleep
from typing import Any, Final

from mula_bridge.api import OscClient
from mula_bridge.control import BEATS_PER_BAR
from mula_bridge.errors import Unavailable
from mula_daemon.bench.figures import print_json, spread
from mula_daemon.bench.jack_dummy import RATE, JackDummy, jack_dummy
from mula_daemon.bench.waiting import wait_for

TEMPI: Final = (120.0, 133.7, 90.0, 174.0, 101.5, 140.0)
CLOCK_TEMPI: Final = (90.0, 120.0, 174.0)
SETTLE_BEATS: Final = 6
"""A MIDI clock's tempo is averaged over four; before that nobody is compared."""

GONE_S: Final = 1.0
"""Ports are looked at now and then; one that is back between would not be seen to have gone."""

BarLine = Callable[[], int]
"""Somebody else's idea of where the bars are: perf_counter_ns of the line nearest to now."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar that a daemon began: its line by its own account, when that was heard of, the
    reference's nearest line and the tempo it has."""

    line_ns: int
    heard_ns: int
    reference_ns: int
    bpm: float

    @property
    def off_ms(self) -> float:
        """How far its line is from the reference's."""
        return abs(self.line_ns - self.reference_ns) / 1e6


class Daemon:
    """A daemon, and a subscriber that notes its bars."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.bars: list[Bar] = []
        self.client = OscClient(*address)
        self._reference: BarLine | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self.client.send("/mula/subscribe", "/mula/beat", "/mula/clock")
        self.leader = ""
        self._thread.start()

    def against(self, reference: BarLine | None) -> list[Bar]:
        """Compare the bars from now on; those noted so far."""
        bars, self.bars = self.bars, []
        self._reference = reference
        return bars

    def close(self) -> None:
        """Listen no more."""
        self._stopping = True
        self._thread.join()

    def _listen(self) -> None:
        with self.client:
            while not self._stopping:
                # Any message renews the subscription.
                self.client.send("/mula/clock/source")
                for address, args in self.client.replies(0.5):
                    self._hear(perf_counter_ns(), address, args)

    def _hear(self, at_ns: int, address: str, args: Sequence[object]) -> None:
        if address == "/mula/clock":
            self.leader = str(args[0])
        elif address == "/mula/beat" and args[1] == 1 and self._reference is not None:
            bpm, late_ms = float(str(args[2])), float(str(args[4]))
            line_ns = at_ns - round(late_ms * 1e6)
            self.bars.append(Bar(line_ns, at_ns, self._reference(), bpm))


def main(argv: Sequence[str]) -> int:
    """Measure and print one JSON line."""
    made = argparse.ArgumentParser(prog="mula bench time", description=__doc__)
    made.add_argument("--seconds", type=float, default=300.0, help="of each part (default 300)")
    made.add_argument("--period", type=int, default=256, help="JACK's, in samples (default 256)")
    made.add_argument("--only", choices=("link", "midi_clock"), help="one part instead of both")
    parsed = made.parse_args(argv)
    parts: dict[str, Callable[[], dict[str, object]]] = {
        "link": lambda: against_link(parsed.seconds),
        "midi_clock": lambda: against_midi_clock(parsed.seconds, parsed.period),
    }
    found: dict[str, object] = {}
    for name, measure in parts.items():
        if parsed.only in (None, name):
            try:
                found[name] = measure()
            except Unavailable as error:
                found[name] = {"skipped": str(error)}
    print_json(
        bench="time",
        seconds=parsed.seconds,
        **found,
        limit="the system's timers and scheduling; for MIDI clock also the period in which "
        "its ticks arrive",
    )
    return 0


def against_link(seconds: float) -> dict[str, object]:
    """Two daemons and a foreign peer; every tenth of the time somebody changes the tempo."""
    with ExitStack() as stack:
        foreign = ForeignLink(TEMPI[0])
        stack.callback(foreign.close)
        daemons = [stack.enter_context(daemon("--clock", "link")) for _ in range(2)]
        wait_for(lambda: foreign.peers >= 2, "the daemons did not find the Link session")
        wait_for(lambda: all(one.leader == "link" for one in daemons), "Link does not lead")
        for one in daemons:
            one.against(foreign.bar_ns)
        changes = 0
        end = monotonic() + seconds
        while monotonic() < end:
            sleep(min(seconds / 10, max(0.0, end - monotonic())))
            changes += 1
            bpm = TEMPI[changes % len(TEMPI)]
            if changes % 2:
                foreign.set_bpm(bpm)
            else:
                daemons[0].client.send("/mula/bpm", bpm)
        bars = [one.against(None) for one in daemons]
    return {"tempo_changes": changes, "peer": "LinkPython", **_figures(bars)}


def against_midi_clock(seconds: float, period: int) -> dict[str, object]:
    """Two daemons behind jack_midi_clock at each tempo."""
    found: dict[str, object] = {}
    with ExitStack() as stack:
        server = stack.enter_context(jack_dummy(period))
        daemons = [
            stack.enter_context(daemon("--clock", "midi", "--midi", "jack:*", env=server.env))
            for _ in range(2)
        ]
        for bpm in CLOCK_TEMPI:
            with jack_midi_clock(server, bpm) as bar_ns:
                wait_for(lambda: all(one.leader == "midi" for one in daemons), "no clock was heard")
                sleep(SETTLE_BEATS * 60 / bpm)
                for one in daemons:
                    one.against(bar_ns)
                sleep(seconds / len(CLOCK_TEMPI))
                bars = [one.against(None) for one in daemons]
            wait_for(lambda: all(one.leader == "internal" for one in daemons), "it did not stop")
            if bpm != CLOCK_TEMPI[-1]:
                sleep(GONE_S)
            wrong = [abs(bar.bpm - bpm) for of_one in bars for bar in of_one]
            found[f"{bpm:g}"] = {**_figures(bars), "bpm_off": _spread(wrong)}
        lost_ms = server.lost_ms()
    return {"period": period, "jack_lost_ms": round(lost_ms, 1), **found}


@contextmanager
def daemon(*options: str, env: dict[str, str] | None = None) -> Iterator[Daemon]:
    """A daemon of its own, which plays nothing. Raises Unavailable when it does not start."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from mula_daemon.cli import main; main()", "run"]
        command += ["--no-panel", "--engine", "tone", "--audio", "off", "--http", "off"]
        command += ["--osc", "127.0.0.1:0", "--folder", str(Path(folder) / "clips")]
        command += ["--midi", "off", *options]  # of two the last one counts
        with Popen(command, env=env, stdout=PIPE, stderr=STDOUT, text=True) as process:
            try:
                with closing(Daemon(_address(process))) as found:
                    yield found
            finally:
                process.terminate()
                process.wait()


def _address(process: Popen[str]) -> tuple[str, int]:
    said = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line.rstrip())
        if found := re.search(r"^ready .*osc=(\S+):(\d+)", line):
            return found[1], int(found[2])
    raise Unavailable(f"the daemon did not start: {' '.join(said[-3:])}")


def _figures(bars: Sequence[Sequence[Bar]]) -> dict[str, object]:
    one, other = bars
    between = [min(abs(bar.line_ns - twin.line_ns) for twin in other) / 1e6 for bar in one if other]
    return {
        "bars": len(one) + len(other),
        "off_ms": _spread([bar.off_ms for bar in (*one, *other)]),
        "between_daemons_ms": _spread(between),
        "heard_ms": _spread([(bar.heard_ns - bar.reference_ns) / 1e6 for bar in (*one, *other)]),
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    return spread(values, 50, 99, 100) if values else {}


class ForeignLink:
    """A Link peer that is none of ours: LinkPython, a wrapper of its own around Link."""

    def __init__(self, bpm: float) -> None:
        """Raises Unavailable without LinkPython."""
        try:
            import link
        except ImportError as error:
            raise Unavailable(
                f"the foreign Link peer is missing ({error}): pip install LinkPython-extern"
            ) from error
        self._link: Any = link.Link(bpm)
        self._link.startStopSyncEnabled = True
        self._link.enabled = True

    @property
    def peers(self) -> int:
        """How many others are in the session."""
        return int(self._link.numPeers())

    def set_bpm(self, bpm: float) -> None:
        """Change everybody's tempo."""
        state = self._link.captureSessionState()
        state.setTempo(bpm, self._link.clock().micros())
        self._link.commitSessionState(state)

    def bar_ns(self) -> int:
        """The nearest bar line, read again while something came between reading both clocks."""
        state = self._link.captureSessionState()
        for _ in range(20):
            before = perf_counter_ns()
            micros = self._link.clock().micros()
            took = perf_counter_ns() - before
            if took < 50_000:
                break
        phase = float(state.phaseAtTime(micros, BEATS_PER_BAR))
        if phase > BEATS_PER_BAR / 2:
            phase -= BEATS_PER_BAR
        return before + took // 2 - round(phase * 60e9 / float(state.tempo()))

    def close(self) -> None:
        """Leave the session."""
        self._link.enabled = False


@contextmanager
def jack_midi_clock(server: JackDummy, bpm: float) -> Iterator[BarLine]:
    """Run jack_midi_clock at a tempo, with the transport rolling from 0 once it is left to.

    What is yielded goes by JACK's own estimate of the frame that is now. Raises Unavailable
    without it or without JACK-Client.
    """
    try:
        import jack
    except (ImportError, OSError) as error:
        raise Unavailable(
            f"JACK's transport cannot be read ({error}): pip install JACK-Client"
        ) from error
    client = jack.Client("mula-bench", no_start_server=True)
    bar_frames = RATE * 60 / bpm * BEATS_PER_BAR

    def bar_ns() -> int:
        before = perf_counter_ns()
        frame = int(client.transport_frame)
        now_ns = (before + perf_counter_ns()) // 2
        line = round(frame / bar_frames) * bar_frames
        return now_ns + round((line - frame) / RATE * 1e9)

    command = ["jack_midi_clock", "-B", "-b", str(bpm), "-d", "0"]
    with closing(client), client:
        client.transport_stop()
        client.transport_frame = 0
        try:
            clock = Popen(command, env=server.env, stdout=DEVNULL, stderr=DEVNULL)
        except OSError as error:
            raise Unavailable(f"jack_midi_clock: {error.strerror}") from error
        try:
            sleep(1.0)  # the daemons look for new ports now and then
            client.transport_start()
            yield bar_ns
            client.transport_stop()
        finally:
            clock.terminate()
            clock.wait()
