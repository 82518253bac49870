"""Who has waited for whom on a card: a vector clock for the host and for each stream.

A stream does its work in order. What another stream or the host did before is known to it only
when it waited for that: its clock says up to which piece of work of each stream it has. Reading
what was written by work that one has not waited for is a fault, and so are writing over what may
still be read, and giving memory back while another stream works on it. The same idea as torch's
own `torch.cuda._sanitizer`, which needs a card.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

Clock = dict[int, int]
"""Stream number -> how much of its work is known to be done."""


@dataclass(frozen=True)
class Access:
    """One piece of work that touched some memory."""

    stream: int
    tick: int
    site: str


@dataclass(eq=False)
class Memory:
    """One allocation of a card, or one pinned on the host, and who touched it."""

    home: int
    """The stream that was current when it was made, whose pool it goes back to."""
    made: str
    pinned: bool = False
    written: Access | None = None
    reads: dict[int, Access] = field(default_factory=dict)
    """The newest of each stream since it was written."""
    touched: dict[int, Access] = field(default_factory=dict)
    """The newest access of each stream."""
    recorded: set[int] = field(default_factory=set)
    """Streams that the allocator waits for before it lends this again."""


class Clocks:
    """The clocks, and the faults found so far: ``faults`` counts each kind at each place."""

    def __init__(self) -> None:
        self.host: Clock = {}
        self.streams: list[Clock] = []
        self.names: list[str] = []
        self.faults: Counter[str] = Counter()
        self.waits: Counter[tuple[str, str, str]] = Counter()
        """(What waited, where, for which streams): each wait of the host for work not yet done."""

    def open(self, name: str) -> int:
        """The number of a new stream."""
        self.streams.append({})
        self.names.append(name)
        return len(self.streams) - 1

    def launch(
        self, stream: int, reads: Iterable[Memory], writes: Iterable[Memory], site: str
    ) -> None:
        """Queue work that reads and writes such memory."""
        clock = self.streams[stream]
        _join(clock, self.host)
        access = Access(stream, clock.get(stream, 0) + 1, site)
        clock[stream] = access.tick
        for memory in reads:
            self._read(memory, access, clock)
        for memory in writes:
            self._write(memory, access, clock)

    def _read(self, memory: Memory, access: Access, clock: Clock) -> None:
        if memory.written and not _known(memory.written, clock):
            self._report("read before it is written", memory, access.site, memory.written)
        memory.reads[access.stream] = memory.touched[access.stream] = access

    def _write(self, memory: Memory, access: Access, clock: Clock) -> None:
        for before in [*memory.reads.values(), *([memory.written] if memory.written else [])]:
            if not _known(before, clock):
                self._report("written while in use", memory, access.site, before)
        memory.reads.clear()
        memory.written = memory.touched[access.stream] = access

    def free(self, memory: Memory) -> None:
        """Nobody holds it any more; its home stream may be lent it again at once."""
        if memory.pinned:  # the host's allocator waits for the copies it was used in
            return
        clock = dict(self.host)
        _join(clock, self.streams[memory.home])
        for stream, access in memory.touched.items():
            if stream not in memory.recorded | {memory.home} and not _known(access, clock):
                self._report("freed while in use", memory, memory.made, access)

    def host_reads(self, memory: Memory, site: str) -> None:
        """The host looks at pinned memory."""
        if memory.written and not _known(memory.written, self.host):
            self._report("read by the host before it is written", memory, site, memory.written)

    def host_writes(self, memory: Memory, site: str) -> None:
        """The host changes pinned memory."""
        for before in [*memory.reads.values(), *([memory.written] if memory.written else [])]:
            if not _known(before, self.host):
                self._report("changed by the host while in use", memory, site, before)

    def record(self, stream: int) -> Clock:
        """What is done when all is done that is queued there now."""
        return dict(self.streams[stream])

    def stream_waits(self, stream: int, until: Clock) -> None:
        _join(self.streams[stream], self.host)
        _join(self.streams[stream], until)

    def host_waits(self, until: Clock, what: str, site: str) -> None:
        """The host stands still until then."""
        behind = [
            self.names[stream]
            for stream, tick in sorted(until.items())
            if tick > self.host.get(stream, 0)
        ]
        if behind:
            self.waits[what, site, ", ".join(behind)] += 1
        self.host_knows(until)

    def host_knows(self, until: Clock) -> None:
        """The host finds that so much is done already."""
        _join(self.host, until)

    def report(self, fault: str) -> None:
        self.faults[fault] += 1

    def _report(self, kind: str, memory: Memory, site: str, other: Access) -> None:
        made = "" if memory.made == site else f", made at {memory.made}"
        self.report(f"{kind}: {site}{made}; {other.site} on {self.names[other.stream]}")


def _join(clock: Clock, other: Clock) -> None:
    for stream, tick in other.items():
        if tick > clock.get(stream, 0):
            clock[stream] = tick


def _known(access: Access, clock: Clock) -> bool:
    return clock.get(access.stream, 0) >= access.tick
