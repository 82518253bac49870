"""A small OSC client: send a message, read what comes back. Used by ``mula send``."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from math import isfinite
from time import monotonic
from types import TracebackType
from typing import Any, Self

from mula_bridge.api.addresses import DEFAULT_HOST, DEFAULT_PORT
from mula_bridge.errors import Unavailable
from mula_bridge.net import resolve
from mula_bridge.osc import wire


class OscClient:
    """Talks to one daemon; close it, or use it in ``with``. One thread."""

    def __init__(self, host: str = DEFAULT_HOST, port: int = DEFAULT_PORT) -> None:
        """Raises Unavailable when there is no such host."""
        family, address = resolve(host, port)
        self._where = f"{host}:{port}"
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            # Connected, so that nobody else is heard and a missing daemon is noticed.
            self._socket.connect(address)
        except OSError as error:
            self._socket.close()
            raise Unavailable(f"cannot reach {self._where}: {error.strerror}") from None

    @property
    def port(self) -> int:
        """The port that replies come to."""
        return int(self._socket.getsockname()[1])

    def send(self, address: str, *args: wire.Value) -> None:
        """Send one message. Raises OscError for what OSC cannot carry, and Unavailable."""
        packet = wire.encode(address, args)
        try:
            self._socket.send(packet)
        except OSError as error:
            raise self._gone(error) from None

    def replies(self, timeout: float = 1.0) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Address and arguments of all that comes within ``timeout`` seconds, as it comes.

        Raises Unavailable when nothing listens there, where the system tells.
        """
        end = monotonic() + timeout
        while (left := end - monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                packet = self._socket.recv(wire.MAX_PACKET)
            except TimeoutError:
                return
            except OSError as error:
                raise self._gone(error) from None
            for message in wire.decode(packet, _not_ours):
                yield message.address, message.args

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _gone(self, error: OSError) -> Unavailable:
        if isinstance(error, ConnectionRefusedError | ConnectionResetError):
            return Unavailable(f"nothing listens on {self._where}; start it with: mula run")
        return Unavailable(f"cannot send to {self._where}: {error.strerror or error}")


def _not_ours(error: wire.OscError) -> None:
    """What cannot be read is not from a daemon of ours."""


def parse_argument(text: str) -> wire.Value:
    """A command-line word as an argument: a whole number, a number, true, false, or text.

    Text in double quotes stays text, also ``"1"`` and ``"true"``.
    """
    if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
        return text[1:-1]
    if text in ("true", "false"):
        return text == "true"
    if "_" in text:
        return text  # to Python 1_000 is a number; to a musician it is not
    for number in (int, float):
        try:
            value = number(text)
            if isfinite(value):
                return value
        except (ValueError, OverflowError):  # no number, or one that no float can hold
            continue
    return text
