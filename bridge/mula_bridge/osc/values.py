"""The OSC argument types: how each is read from bytes, checked, and written. Pure.

One row per type tag. Readers take the packet and a position and return the value
and the position after it; they raise OscError for data that is short, not finite
or not UTF-8. Arrays (``[``, ``]``) are not in the table: nothing here takes one.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from math import isfinite
from struct import Struct, error
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from mula_bridge.errors import BadInput


class OscError(BadInput):
    """Bytes that are no OSC packet, or arguments that fit in none.

    ``address`` is that of the message that is wrong; empty where there is none.
    """

    code = "bad_osc"

    def __init__(self, text: str, address: str = "") -> None:
        super().__init__(text)
        self.address = address


class Impulse(Enum):
    """The argument of type ``I``: it happens, and carries no value."""

    IMPULSE = "I"


IMPULSE: Final = Impulse.IMPULSE
Value = float | int | str | bytes | None | Impulse
"""An argument. ``b r m`` are bytes, ``i h t`` int, ``T F`` bool, ``N`` None."""


class Type(NamedTuple):
    """How values of one type travel."""

    read: Callable[[bytes, int], tuple[Any, int]]
    write: Callable[[Any], bytes]
    """Raises TypeError, AttributeError, ValueError, OverflowError or struct.error for
    what it cannot carry; the encoder makes one OscError of them."""


def tag_of(value: Value) -> str:
    """The type tag a value is sent with when nobody says otherwise. Raises OscError."""
    match value:
        case bool():
            return "T" if value else "F"
        case float():
            return "f"
        case int():
            return "i" if -(2**31) <= value < 2**31 else "h"
        case str():
            return "s"
        case bytes():
            return "b"
        case None:
            return "N"
        case Impulse():
            return "I"
    raise OscError(f"a {type(value).__name__} is no OSC argument")


def read_text(data: bytes, at: int) -> tuple[str, int]:
    """A string and the position after its padding."""
    end = data.find(b"\0", at)
    if end < 0:
        raise OscError("a string has no end")
    try:
        return str(data[at:end], "utf-8"), _padded(data, end, end + 1)
    except UnicodeDecodeError:
        raise OscError(f"{data[at : min(end, at + 40)]!r} is not UTF-8") from None


def write_text(value: str) -> bytes:
    """A string with its end and padding."""
    raw = value.encode()
    if b"\0" in raw:
        raise ValueError("NUL ends a string in OSC")
    return raw + bytes(4 - len(raw) % 4)


def read_number(struct: Struct, data: bytes, at: int) -> tuple[Any, int]:
    """One number of a fixed layout and the position after it."""
    try:
        return struct.unpack_from(data, at)[0], at + struct.size
    except error:
        raise OscError(f"{struct.size} bytes wanted, {max(0, len(data) - at)} left") from None


INT: Final = Struct(">i")
TIME: Final = Struct(">Q")


def _number(struct: Struct) -> Type:
    def read(data: bytes, at: int) -> tuple[float, int]:
        value, at = read_number(struct, data, at)
        if not isfinite(value):
            raise OscError(f"{value} is not a finite number")
        return value, at

    def write(value: float) -> bytes:
        if not isfinite(value):
            raise ValueError(f"{value} is not finite")
        return struct.pack(value)

    return Type(read, write)


def _constant(constant: Value) -> Type:
    def write(value: Value) -> bytes:
        if value is not constant:
            raise ValueError(f"the type tag says {constant!r}")
        return b""

    return Type(lambda data, at: (constant, at), write)


def _read_blob(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = read_number(INT, data, at)
    if not 0 <= size <= len(data) - at:
        raise OscError(f"a blob of {size} bytes, with {len(data) - at} left")
    return data[at : at + size], _padded(data, at + size, at + size)


def _write_blob(value: bytes) -> bytes:
    return INT.pack(len(value)) + value + bytes(-len(value) % 4)


def _read_char(data: bytes, at: int) -> tuple[str, int]:
    code, at = read_number(INT, data, at)
    if not 0 < code < 128:
        raise OscError(f"{code} is no ASCII character")
    return chr(code), at


def _write_four(value: bytes) -> bytes:
    if len(value) != 4:
        raise ValueError(f"four bytes, not {len(value)}")
    return value + b""  # TypeError for text


def _padded(data: bytes, end: int, least: int) -> int:
    """The next multiple of four from ``least`` on; what lies between must be zero."""
    at = (least + 3) & -4
    if at > len(data) or any(data[end:at]):
        raise OscError("padding is missing or not zero")
    return at


_TEXT = Type(read_text, write_text)
_FOUR = Type(lambda data, at: read_number(Struct("4s"), data, at), _write_four)

TYPES: Final = MappingProxyType(
    {
        "i": _number(INT),
        "f": _number(Struct(">f")),
        "s": _TEXT,
        "b": Type(_read_blob, _write_blob),
        "h": _number(Struct(">q")),
        "d": _number(Struct(">d")),
        "t": _number(TIME),
        "S": _TEXT,
        "c": Type(_read_char, lambda value: INT.pack(ord(value))),
        "r": _FOUR,  # colour
        "m": _FOUR,  # MIDI
        "T": _constant(True),
        "F": _constant(False),
        "N": _constant(None),
        "I": _constant(IMPULSE),
    }
)
