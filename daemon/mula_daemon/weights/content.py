"""What lies inside a file of weights, told at a glance: no tensor is read. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_GLANCE: Final = 512
_HEADER_MOST: Final = 100_000_000
"""Bytes of a header; safetensors itself refuses longer ones."""
_UNREADABLE: Final = "is damaged: its header cannot be read"
_POINTER: Final = b"version https://git-lfs"
"""What Git LFS leaves in a file's place until it is fetched."""


def is_hidden(name: str) -> bool:
    """Whether a path names a file of the system's (``._x`` of a Mac, say) or leads elsewhere."""
    path = name.replace("\\", "/")
    return path.startswith("/") or ":" in path or any(p.startswith(".") for p in path.split("/"))


def flaw(path: Path, name: str = "") -> str | None:
    """Why ``path`` cannot be what ``name`` says (its own), in words; None when nothing is seen.

    Of a safetensors file the header is read, JSON wholly. Raises OSError.
    """
    with path.open("rb") as file:
        head = file.read(_GLANCE)
    begin, suffix = head.lstrip().lower(), Path(name or path.name).suffix
    if not begin:
        return "is empty"
    if head.startswith(_POINTER):
        return "is a Git LFS pointer, not the file itself"
    if begin.startswith((b"<!doctype html", b"<html")):
        return "is a web page, not the file"
    if head.startswith(b"GGUF"):
        return "is a GGUF file"
    try:
        if suffix == ".json":
            json.loads(path.read_bytes().decode("utf-8-sig"))
        elif suffix == ".safetensors":
            tensors_of(path)
    except UnicodeDecodeError:
        return "is no text in UTF-8"
    except RecursionError:
        return "is no JSON of ours (nested too deeply)"
    except ValueError as error:
        return str(error) if suffix == ".safetensors" else f"is no JSON ({error})"
    return None


def tensors_of(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Key -> dtype, shape and data_offsets of a safetensors file, as its header says.

    Format: 8 bytes of length, little-endian, so much JSON, then the data without gaps
    (github.com/huggingface/safetensors). Raises OSError, and ValueError in words for a file that
    is cut short or something else.
    """
    header, length = _header(path)
    size = path.stat().st_size
    try:
        end = max((int(row["data_offsets"][1]) for row in header.values()), default=0)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError):
        raise ValueError(_UNREADABLE) from None
    if 8 + length + end != size:
        raise ValueError(f"is cut short or damaged: {size} bytes instead of {8 + length + end}")
    return header


def metadata_of(path: Path) -> Mapping[str, str]:
    """What a safetensors file says of itself; raises as `tensors_of` does."""
    return _header(path, kept=True)[0]


def _header(path: Path, *, kept: bool = False) -> tuple[Mapping[str, Any], int]:
    """The rows of the header, or what was ``kept`` beside them; and its length in bytes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or not 0 < length <= _HEADER_MOST:
            raise ValueError("is no safetensors file")
        if 8 + length > size:
            raise ValueError(f"is cut short, or no safetensors file ({size} bytes)")
        try:
            header = json.loads(file.read(length).decode())
        except (ValueError, RecursionError):
            header = None
    if not isinstance(header, dict):
        raise ValueError(_UNREADABLE)
    more = header.pop("__metadata__", {})
    rows = more if kept else header
    if not isinstance(rows, dict):
        raise ValueError(_UNREADABLE)
    return rows, length
