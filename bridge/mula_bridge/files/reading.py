"""Reads text files that people write, with whatever editor."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mula_bridge.errors import BadInput

_MARKS: Final = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""What other encodings begin with, the longest first."""


class NotUtf8(BadInput):
    """A text file is of another encoding: where that shows, and what to do."""

    def __init__(self, file: str, line: int, found: str) -> None:
        """``line`` counts from 1; ``found`` is what is wrong there."""
        super().__init__(f"{file}: not UTF-8 in line {line} ({found}); save it as UTF-8")
        self.line = line
        self.words = f"not UTF-8 ({found}); save it as UTF-8"
        """The same without the place."""


def read_text(path: Path) -> str:
    """The text in ``path``, see `text_of`. Raises NotUtf8 and OSError. Any thread."""
    return text_of(path.read_bytes(), str(path))


def text_of(data: bytes, file: str) -> str:
    """``data`` as text: UTF-8, with a byte order mark or without, lines parted by LF.

    Raises NotUtf8 for another encoding, naming ``file`` and the line.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        kind = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "")
        found = f"it is {kind}" if kind else f"byte 0x{error.object[error.start]:02X}"
        raise NotUtf8(file, line, found) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
