"""A reader of .amxd files that shares nothing with the writer: from the format's description."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass
class Member:
    """One file inside a frozen device."""

    name: str
    kind: str
    flag: int
    date: int
    data: bytes


@dataclass
class Amxd:
    """What a device file holds; ``members`` is empty for an unfrozen one."""

    code: str
    meta: int
    patcher: dict[str, Any]
    members: list[Member]


def read_amxd(data: bytes) -> Amxd:
    """Read a device strictly: every byte has to be accounted for."""
    chunks, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        chunks.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size
    assert at == len(data)
    assert [tag for tag, _ in chunks] == [b"ampf", b"meta", b"ptch"]
    (_, code), (_, meta), (_, payload) = chunks
    assert len(code) == len(meta) == 4
    members = _members(payload) if payload[:4] == b"mx@c" else []
    text = members[0].data if members else payload
    assert text.endswith(b"\n\0")
    assert b"\0" not in text[:-1]
    return Amxd(
        code.decode(), int.from_bytes(meta, "little"), json.loads(text[:-1])["patcher"], members
    )


def _members(payload: bytes) -> list[Member]:
    assert _big(payload, 4, 4) == 16
    footer = _big(payload, 8, 8)
    assert payload[footer : footer + 4] == b"dlst"
    assert _big(payload, footer + 4, 4) == len(payload) - footer
    found, at, expected = [], footer + 8, 16
    while at < len(payload):
        assert payload[at : at + 4] == b"dire"
        end = at + _big(payload, at + 4, 4)
        fields, at = {}, at + 8
        while at < end:
            size = _big(payload, at + 4, 4)
            fields[payload[at : at + 4].decode()] = payload[at + 8 : at + size]
            at += size
        assert at == end
        assert list(fields) == ["type", "fnam", "sz32", "of32", "vers", "flag", "mdat"]
        name = fields["fnam"]
        assert len(name) % 4 == 0
        assert name.endswith(b"\0")
        offset, size = (_big(fields[tag], 0, 4) for tag in ("of32", "sz32"))
        assert offset == expected
        expected += size
        found.append(
            Member(
                name.rstrip(b"\0").decode(),
                fields["type"].decode(),
                _big(fields["flag"], 0, 4),
                _big(fields["mdat"], 0, 4),
                payload[offset : offset + size],
            )
        )
    assert expected == footer
    return found


def _big(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")
