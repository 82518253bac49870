"""Whoever asks for something hears what comes of it, over every transport, without subscribing."""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from mula_bridge.control.messages.reports import EngineChanged
from mula_bridge.control.messages.states import EngineState
from mula_bridge.osc.framing import LengthPrefixed
from mula_bridge.osc.wire import Value, decode, encode
from mula_bridge.servers.tcp import OscTcpServer
from mula_daemon.app.running import App, running
from mula_daemon.session.publisher import Publisher
from mula_daemon.settings.loading import load_config
from support.fakes import Ear

aiohttp = pytest.importorskip("aiohttp")

PATIENCE_S = 20.0
SILENCE_S = 0.3
Heard = tuple[str, tuple[Any, ...]]


class Udp:
    """A client that sends from a port of its own and subscribes to nothing."""

    def __init__(self, app: App, ports: dict[str, Any]) -> None:
        assert app.osc_address is not None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(app.osc_address)

    def send(self, address: str, *args: Value) -> None:
        self._socket.send(encode(address, args))

    def hear(self, timeout: float) -> list[Heard]:
        self._socket.settimeout(timeout)
        return [(one.address, one.args) for one in decode(self._socket.recv(65_536))]

    def close(self) -> None:
        self._socket.close()


class Tcp:
    """The same over TCP."""

    def __init__(self, app: App, ports: dict[str, Any]) -> None:
        self._framing = LengthPrefixed()
        self._socket = socket.create_connection(ports["tcp"], timeout=PATIENCE_S)

    def send(self, address: str, *args: Value) -> None:
        self._socket.sendall(self._framing.frame(encode(address, args)))

    def hear(self, timeout: float) -> list[Heard]:
        self._socket.settimeout(timeout)
        packets = self._framing.feed(self._socket.recv(65_536))
        return [(one.address, one.args) for packet in packets for one in decode(packet)]

    def close(self) -> None:
        self._socket.close()


class Websocket:
    """The same over a websocket that listens to nothing, on a thread with a loop."""

    def __init__(self, app: App, ports: dict[str, Any]) -> None:
        self._heard: queue.Queue[Heard] = queue.Queue()
        self._loop = asyncio.new_event_loop()
        self._open = threading.Event()
        self._thread = threading.Thread(
            target=self._loop.run_until_complete, args=[self._run(app.page)]
        )
        self._thread.start()
        assert self._open.wait(PATIENCE_S)

    async def _run(self, url: str) -> None:
        async with aiohttp.ClientSession() as http, http.ws_connect(url) as self._socket:
            self._open.set()
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    for one in decode(message.data):
                        self._heard.put((one.address, one.args))

    def send(self, address: str, *args: Value) -> None:
        sending = self._socket.send_bytes(encode(address, args))
        asyncio.run_coroutine_threadsafe(sending, self._loop).result(PATIENCE_S)

    def hear(self, timeout: float) -> list[Heard]:
        try:
            return [self._heard.get(timeout=timeout)]
        except queue.Empty:
            raise TimeoutError from None

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._socket.close(), self._loop).result(PATIENCE_S)
        self._thread.join(PATIENCE_S)
        self._loop.close()


Client = Udp | Tcp | Websocket


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("asked")


@pytest.fixture(scope="module")
def ports() -> dict[str, Any]:
    return {}


@pytest.fixture(scope="module")
def app(place: Path, ports: dict[str, Any]) -> Iterator[App]:
    any_port = "127.0.0.1:0"
    texts = {
        "engine": "tone", "folder": str(place / "clips"), "audio": "off", "midi": "off",
        "osc": any_port, "osc_tcp": any_port, "http": any_port,
        "presets": str(place / "presets.yaml"), "learnt": str(place / "learnt.yaml"),
    }  # fmt: skip
    ear = Ear()
    listen = Publisher.listen

    def note(publisher: Publisher, listener: Any) -> None:
        if isinstance(listener, OscTcpServer):
            ports["server"] = listener
        listen(publisher, listener)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Publisher, "listen", note)
        with running(load_config(texts, environment={}), [ear]) as app:
            ear.wait(EngineChanged, lambda news: news.state is EngineState.READY)
            ports["tcp"] = ports["server"].address
            yield app


@pytest.fixture(params=[Udp, Tcp, Websocket], ids=["udp", "tcp", "websocket"])
def connect(
    request: pytest.FixtureRequest, app: App, ports: dict[str, Any]
) -> Iterator[Callable[[], Client]]:
    made: list[Client] = []

    def make() -> Client:
        made.append(request.param(app, ports))
        return made[-1]

    yield make
    for one in made:
        one.close()


def until(client: Client, wanted: Callable[[Heard], bool]) -> list[Heard]:
    """All that a client hears up to what is wanted."""
    heard: list[Heard] = []
    end = monotonic() + PATIENCE_S
    while not any(map(wanted, heard)):
        heard += client.hear(end - monotonic())
    return heard


def rest(client: Client) -> list[Heard]:
    heard: list[Heard] = []
    with suppress(TimeoutError):
        while True:
            heard += client.hear(SILENCE_S)
    return heard


def is_over(job: str) -> Callable[[Heard], bool]:
    return lambda heard: heard[0] == "/mula/job" and heard[1][:2] in (
        (job, "done"), (job, "failed"), (job, "cancelled"),
    )  # fmt: skip


def states(heard: list[Heard], job: str) -> list[str]:
    return [args[1] for at, args in heard if at == "/mula/job" and args[0] == job]


def made(client: Client, job: str) -> list[Heard]:
    client.send("/mula/knob/bars", 1)
    client.send("/mula/generate", job)
    heard = until(client, is_over(job))
    assert states(heard, job) == ["queued", "running", "done"]
    return heard


def clip_of(heard: list[Heard]) -> str:
    (clip,) = [args[0] for at, args in heard if at == "/mula/clip"]
    return str(clip)


def test_who_asks_for_a_clip_hears_of_it_to_its_end_and_nobody_else_does(
    connect: Callable[[], Client],
) -> None:
    asker, bystander = connect(), connect()
    heard = made(asker, "mine")
    assert [args[-1] for at, args in heard if at == "/mula/clip"] == ["mine"]
    progress = [args[1] for at, args in heard if at == "/mula/progress"]
    assert progress[-1] == 1.0
    assert {at for at, _ in heard} <= {
        "/mula/knob/bars", "/mula/job", "/mula/progress", "/mula/clip", "/mula/notice",
    }  # fmt: skip
    assert rest(asker) == []
    assert rest(bystander) == []


def test_who_also_subscribes_hears_of_it_once(connect: Callable[[], Client]) -> None:
    asker = connect()
    if isinstance(asker, Websocket):
        for address in ("/mula/job", "/mula/clip"):
            asyncio.run_coroutine_threadsafe(
                asker._socket.send_json({"COMMAND": "LISTEN", "DATA": address}), asker._loop
            ).result(PATIENCE_S)
    else:
        asker.send("/mula/subscribe")
    rest(asker)
    heard = [*made(asker, "twice"), *rest(asker)]
    assert states(heard, "twice") == ["queued", "running", "done"]
    assert len([1 for at, _ in heard if at == "/mula/clip"]) == 1


@pytest.mark.parametrize("address", ["/mula/render", "/mula/reroll", "/mula/more"])
def test_jobs_of_every_kind_are_told_to_who_asked(
    connect: Callable[[], Client], address: str
) -> None:
    asker = connect()
    clip = clip_of(made(asker, "first"))
    args = (clip, 1, "second") if address == "/mula/more" else (clip, "second")
    asker.send(address, *args)
    assert states(until(asker, is_over("second")), "second") == ["queued", "running", "done"]


def test_what_waited_for_the_beat_is_told_to_who_asked(connect: Callable[[], Client]) -> None:
    asker = connect()
    asker.send("/mula/at/beat/generate", "timed")
    assert states(until(asker, is_over("timed")), "timed") == ["queued", "running", "done"]


def test_who_cancels_hears_that_it_was_cancelled(connect: Callable[[], Client]) -> None:
    asker, hand = connect(), connect()
    asker.send("/mula/knob/bars", 8)
    asker.send("/mula/knob/pace", 1.0)  # so that it lasts
    asker.send("/mula/generate", "long")
    until(asker, lambda heard: states([heard], "long") == ["running"])
    hand.send("/mula/cancel", "long")
    assert states(until(hand, is_over("long")), "long") == ["running", "cancelled"]
    asker.send("/mula/knob/pace/reset")
    rest(asker)


def test_who_keeps_a_clip_hears_that_its_files_have_moved(connect: Callable[[], Client]) -> None:
    asker = connect()
    clip = clip_of(made(asker, "kept"))
    asker.send("/mula/audition/keep", clip)
    heard = until(asker, lambda heard: heard[0] == "/mula/clip/status")
    assert heard[-1][1][:2] == (clip, "kept")
    asker.send("/mula/audition/undo")
    heard = until(asker, lambda heard: heard[0] == "/mula/clip/status")
    assert heard[-1][1][:2] == (clip, "new")
