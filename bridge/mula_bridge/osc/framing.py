"""Where an OSC packet ends in a TCP stream: by its length, or by SLIP. Pure.

A stream has no packets, so two ways to mark them are in use, and both are taken: a length
before each packet (OSC 1.0: a big-endian int32) and SLIP with END on both sides (OSC 1.1,
RFC 1055).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Final, Protocol

from mula_bridge.errors import BadInput
from mula_bridge.osc import wire


class FramingError(BadInput):
    """Bytes from which no packet can come any more; the connection is of no use.

    ``packets`` are those that were complete before.
    """

    code = "bad_framing"

    def __init__(self, text: str, packets: Sequence[bytes] = ()) -> None:
        super().__init__(text)
        self.packets = packets


class Framing(Protocol):
    """Takes a stream apart and puts one together. One connection, one thread."""

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are complete now. Raises FramingError."""

    def frame(self, packet: bytes) -> bytes:
        """One packet as it goes into the stream."""


class LengthPrefixed:
    """A big-endian int32 with the length before each packet; empty packets are skipped."""

    _LENGTH: Final = Struct(">i")

    def __init__(self, limit: int = wire.MAX_PACKET) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        packets: list[bytes] = []
        at = 0
        while len(self._buffer) - at >= 4:
            (size,) = self._LENGTH.unpack_from(self._buffer, at)
            if not 0 <= size <= self._limit:
                raise FramingError(
                    f"a packet of {size} bytes; at most {self._limit} are taken", packets
                )
            if len(self._buffer) - at < 4 + size:
                break
            if size:
                packets.append(bytes(self._buffer[at + 4 : at + 4 + size]))
            at += 4 + size
        del self._buffer[:at]
        return packets

    def frame(self, packet: bytes) -> bytes:
        return self._LENGTH.pack(len(packet)) + packet


class Slip:
    """END after each packet, and before it too; END and ESC inside are escaped.

    An escape byte without its second half is left as it is, as RFC 1055 advises: the next END
    is as good as ever, and what the packet is worth is for the decoder to say.
    """

    _ESCAPED: Final = re.compile(rb"\xdb([\xdc\xdd])")
    _PLAIN: Final = {b"\xdc": b"\xc0", b"\xdd": b"\xdb"}

    def __init__(self, limit: int = wire.MAX_PACKET) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        packets: list[bytes] = []
        *ended, rest = data.split(b"\xc0")
        for piece in ended:
            self._grow(piece, packets)
            if self._buffer:
                packets.append(self._packet(packets))
                self._buffer.clear()
        self._grow(rest, packets)
        return packets

    def frame(self, packet: bytes) -> bytes:
        escaped = packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        return b"\xc0" + escaped + b"\xc0"

    def _grow(self, piece: bytes, packets: Sequence[bytes]) -> None:
        self._buffer += piece
        if len(self._buffer) > 2 * self._limit:  # escaped, every byte may be two
            raise FramingError(f"no end after {len(self._buffer)} bytes", packets)

    def _packet(self, packets: Sequence[bytes]) -> bytes:
        packet = self._ESCAPED.sub(lambda found: self._PLAIN[found[1]], bytes(self._buffer))
        if len(packet) > self._limit:
            raise FramingError(
                f"a packet of {len(packet)} bytes; at most {self._limit} are taken", packets
            )
        return packet


FRAMINGS: Final[dict[str, Callable[[], Framing]]] = {"length": LengthPrefixed, "slip": Slip}
AUTO: Final = "auto"


def detect(first: bytes) -> Framing:
    """The framing of a stream that begins with ``first``. Raises FramingError.

    A length has a zero first (no packet is 16 MB long); SLIP has its END, or where only one
    END is sent, the slash or hash that a packet begins with.
    """
    if first[:1] == b"\0":
        return LengthPrefixed()
    if first[:1] in (b"\xc0", b"/", b"#"):
        return Slip()
    raise FramingError(f"{first[:8]!r} begins neither a length nor a SLIP frame")
