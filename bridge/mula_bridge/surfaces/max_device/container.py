"""The .amxd container that Live opens: a patcher alone, or frozen together with its scripts.

The format is not published. This is what devices saved by Max 8.5 and 9 look like, and what
Ableton's ``maxdevtools`` reads: three little-endian chunks (``ampf``, ``meta``, ``ptch``); the
last one holds the patcher's JSON, or for a frozen device an archive with a big-endian directory
at its end. Pure: the same input gives the same bytes, because the times in it are constants.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

CREATED: Final = 3_840_000_000
"""The date of every file in a device, in seconds since 1904: fixed, so that bytes are."""
_META_FROZEN: Final = 7
_ARCHIVE_HEADER: Final = 16
_IS_DEVICE: Final = 0x11


class DeviceKind(StrEnum):
    """What Live takes a device for: its four-character code."""

    AUDIO_EFFECT = "aaaa"
    MIDI_EFFECT = "mmmm"

    @property
    def code(self) -> int:
        """The same as a number, as the patcher's ``project`` wants it."""
        return int.from_bytes(self.value.encode(), "big")

    @property
    def meta(self) -> int:
        """The value of the ``meta`` chunk of an unfrozen device."""
        return 0 if self is DeviceKind.AUDIO_EFFECT else 1


def unfrozen(kind: DeviceKind, patcher: Mapping[str, Any]) -> bytes:
    """A device that looks for its scripts beside it."""
    return _device(kind, kind.meta, _payload(patcher))


def frozen(
    kind: DeviceKind, name: str, patcher: Mapping[str, Any], scripts: Mapping[str, bytes]
) -> bytes:
    """A device called ``name`` (with its ending) that has its scripts, by file name, inside."""
    files = [(name, "JSON", _payload(patcher), _IS_DEVICE)]
    files += [(script, "TEXT", text, 0) for script, text in scripts.items()]
    data, entries = b"", b""
    for file_name, file_type, content, flag in files:
        fields = (
            (b"type", file_type.encode()),
            (b"fnam", _padded(file_name)),
            (b"sz32", _word(len(content))),
            (b"of32", _word(_ARCHIVE_HEADER + len(data))),
            (b"vers", _word(0)),
            (b"flag", _word(flag)),
            (b"mdat", _word(CREATED)),
        )
        entries += _big(b"dire", b"".join(_big(tag, value) for tag, value in fields))
        data += content
    header = b"mx@c" + struct.pack(">IQ", _ARCHIVE_HEADER, _ARCHIVE_HEADER + len(data))
    return _device(kind, _META_FROZEN, header + data + _big(b"dlst", entries))


def _device(kind: DeviceKind, meta: int, payload: bytes) -> bytes:
    chunks = (
        (b"ampf", kind.value.encode()),
        (b"meta", struct.pack("<I", meta)),
        (b"ptch", payload),
    )
    return b"".join(tag + struct.pack("<I", len(content)) + content for tag, content in chunks)


def _payload(patcher: Mapping[str, Any]) -> bytes:
    return json.dumps(patcher, indent=1, ensure_ascii=True).encode() + b"\n\0"


def _big(tag: bytes, content: bytes) -> bytes:
    """A chunk of the archive: its size is big-endian and counts its own eight bytes."""
    return tag + _word(8 + len(content)) + content


def _word(number: int) -> bytes:
    return struct.pack(">I", number)


def _padded(text: str) -> bytes:
    """NUL-terminated, and filled up to a multiple of four."""
    data = text.encode("ascii") + b"\0"
    return data + b"\0" * (-len(data) % 4)
