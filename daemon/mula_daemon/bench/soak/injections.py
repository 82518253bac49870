"""What goes wrong during a soak: one function a kind, which returns when it is over."""

from __future__ import annotations

import base64
import os
import random
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic, sleep
from types import MappingProxyType
from typing import Final

import psutil

from mula_bridge.control import KNOBS
from mula_bridge.osc import encode
from mula_daemon.bench.soak.rig import CONTROLS, HOST, Rig

Inject = Callable[[Rig, random.Random], None]
_SOUGHT_S: Final = 10.0
"""A child that has just died is back within this."""


class Missed(Exception):
    """What was to be broken was not there, so nothing has gone wrong; the text says more."""


@dataclass(frozen=True, slots=True)
class Injection:
    """One kind of fault. ``needs`` says whether this machine and rig can have it; ``told`` is
    the address on which the daemon has to say that something went wrong, empty where nothing
    that it should speak of has."""

    inject: Inject
    needs: Callable[[Rig], bool]
    told: str = ""


def _jack(rig: Rig) -> bool:
    return rig.server is not None


def _always(_: Rig) -> bool:
    return True


def _kill(name: str) -> Inject:
    def kill(rig: Rig, _: random.Random) -> None:
        end = monotonic() + _SOUGHT_S
        while monotonic() < end:
            child = rig.child(name)
            with suppress(psutil.NoSuchProcess):  # it died by itself just now
                if child is not None:
                    child.kill()
                    return
            sleep(0.05)
        raise Missed(f"no {name} was there for {_SOUGHT_S:g} s")

    return kill


def _has(name: str) -> Callable[[Rig], bool]:
    return lambda rig: rig.child(name) is not None


def _kill_jack(rig: Rig, rng: random.Random) -> None:
    assert rig.server is not None
    rig.server.kill()
    sleep(rng.uniform(0.2, 3.0))
    rig.server.start()


def _stop_jack(rig: Rig, _: random.Random) -> None:
    assert rig.server is not None
    rig.server.suspend()
    try:
        sleep(5.0)
    finally:
        rig.server.resume()


def _break_engine(rig: Rig, _: random.Random) -> None:
    ears, job, since = rig.ears, f"broken{monotonic():.3f}", monotonic()
    ears.send("/mula/panic")  # or it would wait behind what is under way
    ears.send("/mula/lyrics", "fault: sticky")
    rig.generate(job)
    ears.send("/mula/lyrics", "")
    ears.wait("/mula/job", 10.0, lambda args: args[:2] == (job, "failed"), since=since)


def _unplug_box(rig: Rig, rng: random.Random) -> None:
    assert rig.box is not None
    rig.box.unplug()
    sleep(rng.choice((0.0, 0.02, 0.5, 2.0)))
    rig.box.turn(0xB0, rig.bound, 64)


def _replace_map(rig: Rig, _: random.Random) -> None:
    rig.write_map(CONTROLS[rig.bound == CONTROLS[0]])


def _delete_map(rig: Rig, rng: random.Random) -> None:
    rig.mapping.unlink()
    sleep(rng.choice((0.15, 1.0, 2.5)))
    rig.write_map(rig.bound)


def _break_map(rig: Rig, rng: random.Random) -> None:
    broken = rng.choice((b"", b"\xff\xfe\0", b"version: 1\ncontrollers: [", b"- {from: x", b"7"))
    rig.mapping.write_bytes(broken)
    sleep(1.5)
    rig.write_map(rig.bound)


def _seal_folder(rig: Rig, rng: random.Random) -> None:
    try:
        rig.disk.seal()
        sleep(rng.uniform(1.0, 4.0))
    finally:
        rig.disk.unseal()


def _fill_disk(rig: Rig, rng: random.Random) -> None:
    end = monotonic() + rng.uniform(2.0, 4.0)
    try:
        while monotonic() < end:  # what the daemon gave up meanwhile is taken as well
            rig.disk.fill()
            sleep(0.05)
    finally:
        rig.disk.empty()


def _take_folder_away(rig: Rig, rng: random.Random) -> None:
    rig.disk.take_away()
    try:
        sleep(rng.uniform(0.5, 4.0))
    finally:
        rig.disk.bring_back()


def _poison_inbox(rig: Rig, rng: random.Random) -> None:
    inbox = rig.disk.clips / ".mula" / "inbox"
    name = f"poison{rng.randrange(1_000_000)}"
    with suppress(OSError):
        inbox.mkdir(parents=True, exist_ok=True)
        for number, content in enumerate(_POISON):
            (inbox / f"{name}-{number}.json").write_bytes(content)
        (inbox / f"{name}-folder.json").mkdir()
        if sys.platform != "win32":
            (inbox / f"{name}-link.json").symlink_to(inbox / "nowhere")
            os.mkfifo(inbox / f"{name}-pipe.json")
            bad = os.fsencode(inbox) + b"/" + name.encode() + b"-\xff.json"
            with open(bad, "wb") as file:  # noqa: PTH123 - a Path holds no such name's bytes
                file.write(b'{"version": 1, "do": "generate", "id": "\xff"}')
    sleep(1.0)


_POISON: Final = (
    b"",
    b"{",
    b"[1, 2",
    b"null",
    b'{"version":1,"do":"generate","la \\ud83d":1}',
    b'{"version":1,"do":"generate","tags":["\\ud83d"]}',
    b'{"version":1,"do":"generate","id":"../../x"}',
    b'{"version":1e999,"do":"generate"}',
    b'{"version":1,"do":"generate","knobs":{"bars":NaN}}',
    b'{"version":1,"do":"' + b"x" * 60_000 + b'"}',
    b"[" * 50_000,
    b"\xff\xfe{\0}\0",
    bytes(200_000),
)


def _flood(rig: Rig, rng: random.Random) -> None:
    packets = [encode("/mula/knob/top_k", (1 + index % 200,)) for index in range(1000)]
    _send_for(rig, packets, rng.uniform(1.5, 3.0))


def _send_hostile(rig: Rig, rng: random.Random) -> None:
    whole = [encode(f"/mula/knob/{name}", (1.0,)) for name in KNOBS]
    _send_for(rig, [_mangled(rng, whole) for _ in range(2000)], 1.0)
    for port in (rig.tcp, rig.http):
        for _ in range(20):
            with suppress(OSError), socket.create_connection((HOST, port), 1.0) as peer:
                peer.sendall(rng.randbytes(rng.randrange(1, 4000)))


def _mangled(rng: random.Random, whole: list[bytes]) -> bytes:
    if rng.random() < 0.3:
        return rng.randbytes(rng.randrange(200))
    packet = bytearray(rng.choice(whole))
    for _ in range(rng.randrange(1, 5)):
        packet[rng.randrange(len(packet))] = rng.randrange(256)
    return bytes(packet[: rng.randrange(len(packet) + 1)])


def _send_for(rig: Rig, packets: list[bytes], seconds: float) -> None:
    end = monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect((HOST, rig.osc))
        while monotonic() < end:
            for number, packet in enumerate(packets):
                with suppress(OSError):
                    peer.send(packet)
                if number % 100 == 99:
                    sleep(0.005)  # some 20,000 a second


def _never_read_tcp(rig: Rig, _: random.Random) -> None:
    with _deaf(rig.tcp) as peer:
        for packet in (encode("/mula/subscribe", ()), *[encode("/mula/dump", ())] * 500):
            peer.sendall(len(packet).to_bytes(4, "big") + packet)
        sleep(5.0)


def _never_read_websocket(rig: Rig, rng: random.Random) -> None:
    key = base64.b64encode(rng.randbytes(16)).decode()
    with _deaf(rig.http) as peer:
        peer.sendall(
            f"GET / HTTP/1.1\r\nHost: {HOST}:{rig.http}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        sleep(0.2)
        packets = [b'{"COMMAND":"LISTEN","DATA":"/mula/knob/%s"}' % one.encode() for one in KNOBS]
        for text in packets:
            peer.sendall(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)
        for _ in range(500):
            packet = encode("/mula/dump", ())
            peer.sendall(bytes([0x82, 0x80 | len(packet)]) + bytes(4) + packet)
        sleep(5.0)


@contextmanager
def _deaf(port: int) -> Iterator[socket.socket]:
    """A connection that takes next to nothing in; that it may be cut off is expected."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        peer.settimeout(2.0)
        peer.connect((HOST, port))
        with suppress(OSError):
            yield peer


def _jump_clock(rig: Rig, rng: random.Random) -> None:
    rig.jump_clock(rng.choice((-3600.0, 3600.0, -0.5, 86_400.0, -86_400.0)))


def _sleep_machine(rig: Rig, rng: random.Random) -> None:
    family = rig.family()
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        sleep(rng.uniform(0.5, 3.0))
    finally:
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.resume()


INJECTIONS: Final[Mapping[str, Injection]] = MappingProxyType(
    {
        "engine killed": Injection(_kill("mula-engine"), _has("mula-engine"), "/mula/engine"),
        "engine broken for good": Injection(
            _break_engine, lambda rig: rig.engine == "tone", "/mula/engine"
        ),
        "audio killed": Injection(_kill("mula-audio"), _has("mula-audio"), "/mula/audio/device"),
        "midi killed": Injection(_kill("mula-midi"), _has("mula-midi")),
        "jack killed": Injection(_kill_jack, _jack, "/mula/audio/device"),
        "jack stopped": Injection(_stop_jack, _jack),
        "controller unplugged": Injection(_unplug_box, _jack),
        "map replaced": Injection(_replace_map, _always),
        "map deleted": Injection(_delete_map, _always),
        "map broken": Injection(_break_map, _always, "/mula/error"),
        "folder unwritable": Injection(_seal_folder, lambda rig: rig.disk.can_seal),
        "disk full": Injection(_fill_disk, lambda rig: rig.disk.mounted),
        "folder away": Injection(_take_folder_away, _always),
        "inbox poisoned": Injection(_poison_inbox, _always),
        "osc flood": Injection(_flood, _always),
        "hostile packets": Injection(_send_hostile, _always),
        "tcp never read": Injection(_never_read_tcp, _always),
        "websocket never read": Injection(_never_read_websocket, _always),
        "clock jumped": Injection(_jump_clock, _always),
        "machine asleep": Injection(_sleep_machine, lambda _: sys.platform != "win32"),
    }
)
"""By name; one that cannot be had here is left out, and the benchmark says so."""
