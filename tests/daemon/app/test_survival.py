"""Each service of the running daemon survives an exception at each of its seams, and works on."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter_ns, sleep
from typing import Any, NamedTuple

import pytest

from mula_bridge.api.client import OscClient
from mula_bridge.control.messages.commands import (
    AuditionPlay,
    AuditionStop,
    Favourite,
    Generate,
    SetKnob,
    StartTransport,
)
from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import (
    AuditionState,
    Beat,
    ClipJudged,
    ClipReady,
    EngineChanged,
    Heard,
    KnobChanged,
    PresetsChanged,
    ServiceChanged,
)
from mula_bridge.control.messages.states import EngineState, Playing
from mula_bridge.control.service import Service
from mula_bridge.osc.framing import FRAMINGS
from mula_bridge.osc.wire import encode
from mula_daemon.app.running import App, running
from mula_daemon.settings.loading import load_config
from support.fakes import Ear
from support.ports import free_udp_port

ALICE = Origin("test", address="/mula/test")
FAULTS = 3
"""So often a seam raises."""
PATIENCE_S = 20.0


def service_of(thread: threading.Thread) -> Service | None:
    """The Service that a thread belongs to, while it runs."""
    owner = getattr(getattr(thread, "_target", None), "__self__", None)
    return owner if isinstance(owner, Service) else None


class Daemon:
    """A running one, all that it said, and its services by name."""

    def __init__(
        self, app: App, ear: Ear, mapping: Path, tcp_port: int, before: set[threading.Thread]
    ) -> None:
        self.app, self.ear, self.mapping, self.tcp_port = app, ear, mapping, tcp_port
        self.threads = set(threading.enumerate()) - before
        found = filter(None, map(service_of, self.threads))
        self.services: dict[str, Any] = {service.name: service for service in found}
        self._number = 0
        self.clip = self.generate()

    def fresh(self) -> int:
        """Another number each time."""
        self._number += 1
        return self._number

    def emit(self, command: Any) -> None:
        self.app.emit(command, ALICE)

    def generate(self) -> ClipReady:
        job = f"job{self.fresh()}"
        self.emit(Generate(job))
        return self.ear.wait(ClipReady, lambda clip: clip.job == job, PATIENCE_S)


def wait_for(holds: Callable[[], object]) -> None:
    end = monotonic() + PATIENCE_S
    while not holds():
        assert monotonic() < end
        sleep(0.005)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("survival")
    mapping = folder / "mine.yaml"
    mapping.write_text("version: 1\nbindings: []\n")
    tcp_port = free_udp_port()  # the two do not meet
    settings: dict[str, Any] = {
        "engine": "tone",
        "folder": str(folder / "clips"),
        "audio": "off",
        "midi": "off",
        "osc": "127.0.0.1:0",
        "http": "127.0.0.1:0",
        "osc_tcp": f"127.0.0.1:{tcp_port}",
        "limit": "500",
        "presets": str(folder / "presets.yaml"),
        "learnt": str(folder / "learnt.yaml"),
        "mapping": str(mapping),
    }
    before = set(threading.enumerate())
    ear = Ear()
    with running(load_config(settings, environment={}), [ear]) as app:
        ear.wait(EngineChanged, lambda news: news.state is EngineState.READY)
        app.emit(SetKnob("bars", 1), ALICE)
        yield Daemon(app, ear, mapping, tcp_port, before)


@contextmanager
def failing(owner: Any, name: str) -> Iterator[Callable[[], bool]]:
    """Have ``owner.name`` raise, the first times that it is called; whether it has by now."""
    plain, left = getattr(owner, name), [FAULTS]

    def fail(*arguments: Any, **options: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise RuntimeError("a bug at the seam")
        return plain(*arguments, **options)

    setattr(owner, name, fail)
    try:
        yield lambda: not left[0]
    finally:
        setattr(owner, name, plain)


# --- ordinary work ----------------------------------------------------------------------------


def a_knob(daemon: Daemon) -> None:
    value = daemon.fresh()
    daemon.emit(SetKnob("seed", value))
    daemon.ear.wait(KnobChanged, lambda knob: (knob.name, knob.value) == ("seed", value))


def a_ping(daemon: Daemon) -> None:
    assert daemon.app.osc_address is not None
    with OscClient(*daemon.app.osc_address) as client:
        client.send("/mula/ping", 7)
        assert next(iter(client.replies(PATIENCE_S)))[0] == "/mula/pong"


def a_ping_over_tcp(daemon: Daemon) -> None:
    framing = FRAMINGS["length"]()
    with socket.create_connection(("127.0.0.1", daemon.tcp_port), PATIENCE_S) as peer:
        peer.sendall(framing.frame(encode("/mula/ping", (7,))))
        assert b"/mula/pong" in peer.recv(100)


def the_page(daemon: Daemon) -> None:
    with urllib.request.urlopen(f"{daemon.app.page}?HOST_INFO", timeout=PATIENCE_S) as answer:
        assert json.load(answer)["NAME"].startswith("mulabridge")


def a_beat(daemon: Daemon) -> None:
    daemon.emit(StartTransport())
    begun = len(daemon.ear.all(Beat))
    wait_for(lambda: len(daemon.ear.all(Beat)) > begun)


def what_is_heard(daemon: Daemon) -> None:
    number = daemon.fresh()
    daemon.services["heard"].hand(Heard("cfg", 1.0, 1.0, 1.0, number), perf_counter_ns())
    daemon.ear.wait(Heard, lambda heard: heard.frame == number)


def sound(daemon: Daemon) -> None:
    written = daemon.app.speaker._outlet.written
    wait_for(lambda: daemon.app.speaker._outlet.written > written)


def a_clip(daemon: Daemon) -> None:
    daemon.generate()


def a_play(daemon: Daemon) -> None:
    daemon.emit(AuditionStop())
    played = len(_playing(daemon))
    daemon.emit(AuditionPlay(daemon.clip.id))
    wait_for(lambda: len(_playing(daemon)) > played)


def a_favourite(daemon: Daemon) -> None:
    judged = len(daemon.ear.all(ClipJudged))
    daemon.emit(Favourite(daemon.fresh() % 2 == 0, daemon.clip.id))
    daemon.emit(Favourite(daemon.fresh() % 2 == 0, daemon.clip.id))
    wait_for(lambda: len(daemon.ear.all(ClipJudged)) >= judged + 2)


def an_errand(name: str) -> Callable[[Daemon], None]:
    def work(daemon: Daemon) -> None:
        done = threading.Event()
        daemon.services[name].do(done.set)
        assert done.wait(PATIENCE_S)

    return work


def a_request(daemon: Daemon) -> None:
    name = f"asked{daemon.fresh()}"
    inbox: Path = daemon.services["inbox folder"].folder
    part = inbox / f"{name}.json.tmp"
    part.write_text(json.dumps({"version": 1, "do": "generate", "id": name}))
    part.rename(inbox / f"{name}.json")
    answer = inbox / "answers" / f"{name}.json"
    wait_for(lambda: answer.exists() and json.loads(answer.read_text())["state"] == "done")


def a_look(daemon: Daemon) -> None:
    archivist = daemon.services["archivist"]
    archivist.wake()
    wait_for(lambda: not archivist._due.is_set())


def a_map(daemon: Daemon) -> None:
    name = f"preset{daemon.fresh()}"
    new = daemon.mapping.with_suffix(".new")
    new.write_text(f"version: 1\npresets: {{{name}: {{cfg: 2}}}}\n")
    new.replace(daemon.mapping)
    daemon.ear.wait(PresetsChanged, lambda news: name in news.names)


def _playing(daemon: Daemon) -> list[AuditionState]:
    return [one for one in daemon.ear.all(AuditionState) if one.playing is Playing.PLAYING]


# --- the table --------------------------------------------------------------------------------


class Seam(NamedTuple):
    """Where a service may fail, and what it does on every other day."""

    service: str
    what: str
    owner: Callable[[Daemon], Any]
    name: str
    work: Callable[[Daemon], None]
    trigger: Callable[[Daemon], None] | None = None
    """What makes it fail, where the work would wait for what failed; it need not come by itself."""


def own(name: str) -> Callable[[Daemon], Any]:
    return lambda daemon: daemon.services[name]


def steering(daemon: Daemon) -> Any:
    return daemon.services["session"]._handlers[0]


def knobs(daemon: Daemon) -> None:
    for _ in range(FAULTS):
        daemon.emit(SetKnob("seed", daemon.fresh()))
        sleep(0.02)


def datagrams(daemon: Daemon) -> None:
    assert daemon.app.osc_address is not None
    with OscClient(*daemon.app.osc_address) as client:
        for _ in range(FAULTS):
            client.send("/mula/knob/cfg", 2.0)
            sleep(0.05)


def bad_errands(name: str) -> Callable[[Daemon], None]:
    def trigger(daemon: Daemon) -> None:
        for _ in range(FAULTS):
            daemon.services[name].do(lambda: 1 / 0)

    return trigger


def bad_calls(name: str) -> Callable[[Daemon], None]:
    def trigger(daemon: Daemon) -> None:
        for _ in range(FAULTS):
            daemon.services[name].loop.call_soon_threadsafe(lambda: 1 / 0)

    return trigger


def looks(daemon: Daemon) -> None:
    for _ in range(FAULTS):
        a_look(daemon)
        sleep(0.02)


def beats(daemon: Daemon) -> None:
    for bpm in (121.0, 122.0, 123.0):
        daemon.app.conductor.set_bpm(bpm)
        sleep(0.1)


def words(daemon: Daemon) -> None:
    for _ in range(FAULTS):
        daemon.services["heard"].hand(Heard("cfg", 1.0, 1.0, 1.0, 0), perf_counter_ns())


def jobs(daemon: Daemon) -> None:
    for _ in range(FAULTS):
        daemon.emit(Generate(f"job{daemon.fresh()}"))


def requests(daemon: Daemon) -> None:
    inbox: Path = daemon.services["inbox folder"].folder
    for _ in range(FAULTS):
        (inbox / f"poison{daemon.fresh()}.json").write_text("{}")


def maps(daemon: Daemon) -> None:
    for _ in range(FAULTS):
        daemon.mapping.write_text(f"version: 1\nbindings: []\n# {daemon.fresh()}\n")
        daemon.services["mapping watcher"].check()


def nothing(daemon: Daemon) -> None:
    """It comes by itself."""


SEAMS = [
    Seam("session", "its mail", lambda d: d.services["session"]._mailbox, "take", a_knob, nothing),
    Seam("session", "a handler", steering, "handle", a_knob, knobs),
    Seam("session", "a handler's tick", steering, "tick", a_knob, nothing),
    Seam("osc", "a batch", own("osc"), "_take", a_ping, datagrams),
    Seam("osc", "its socket", own("osc"), "_read", a_ping, datagrams),
    Seam("osc-tcp", "a callback", own("osc-tcp"), "", a_ping_over_tcp, bad_calls("osc-tcp")),
    Seam("oscquery", "a callback", own("oscquery"), "", the_page, bad_calls("oscquery")),
    Seam("beat", "a turn", own("beat"), "_retimed", a_beat, beats),
    Seam("beat", "telling", lambda d: d.services["beat"]._mailbox, "post", a_beat, nothing),
    Seam("heard", "telling", own("heard"), "_give", what_is_heard, words),
    Seam("feeder", "a buffer", lambda d: d.app.speaker, "render", sound, nothing),
    Seam("feeder", "the outlet", lambda d: d.app.speaker._outlet, "due", sound, nothing),
    Seam("reader", "an errand", own("reader"), "", a_play, bad_errands("reader")),
    Seam("files", "an errand", own("files"), "", a_favourite, bad_errands("files")),
    Seam("capture", "an errand", own("capture"), "", an_errand("capture"), bad_errands("capture")),
    Seam("engine-reader", "a frame", lambda d: d.app.engine._listener, "frame", a_clip, jobs),
    Seam("engine-writer", "an order", lambda d: d.app.engine, "_due", a_clip, jobs),
    Seam("inbox folder", "a request", own("inbox folder"), "_take", a_request, requests),
    Seam("inbox folder", "a look", own("inbox folder"), "check", a_request, nothing),
    Seam("inbox folder", "an answer", own("inbox folder"), "_answered", a_request, jobs),
    Seam("archivist", "moving", own("archivist"), "tidy", a_look, looks),
    Seam("mapping watcher", "the finder", own("mapping watcher"), "_paths", a_map, maps),
    Seam("mapping watcher", "the taker", own("mapping watcher"), "_changed", a_map, maps),
]  # fmt: skip

ONCE = {"preload", "beats", "advertise"}
"""Services that do one thing and end."""
ELSEWHERE = {"engine-vigil"}
"""Services whose seams are tried in the tests of their own module."""


def test_every_service_that_runs_is_looked_after_and_in_the_table(daemon: Daemon) -> None:
    names = set(daemon.services)
    assert names - ONCE - ELSEWHERE == {seam.service for seam in SEAMS}
    assert names <= set(daemon.app.services.names)


def test_every_thread_that_runs_is_a_services(daemon: Daemon) -> None:
    # A thread that has ended forgets what it was for; a loop may keep helpers of its own.
    bare = {one.name for one in daemon.threads if one.is_alive() and service_of(one) is None}
    assert {name for name in bare if not name.startswith("asyncio_")} == set()


@pytest.mark.parametrize("seam", SEAMS, ids=lambda seam: f"{seam.service}, {seam.what}")
def test_a_service_that_fails_at_a_seam_does_its_ordinary_work_again(
    daemon: Daemon, seam: Seam
) -> None:
    service: Service = daemon.services[seam.service]
    faults = service.faults
    if seam.name:
        with failing(seam.owner(daemon), seam.name) as failed:
            (seam.trigger or nothing)(daemon)
            wait_for(failed)
    elif seam.trigger is not None:
        seam.trigger(daemon)
        wait_for(lambda: service.faults >= faults + FAULTS)
    seam.work(daemon)
    assert (service.alive, service.dead) == (True, False)
    assert service.faults >= faults + 1
    told = daemon.ear.wait(ServiceChanged, lambda news: news.name == seam.service)
    assert told.faults > 0
