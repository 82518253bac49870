"""Text files of people's, whatever editor wrote them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mula_bridge.files.reading import NotUtf8, read_text


@pytest.mark.parametrize("data", [b"a\nb\xc3\xa9", b"\xef\xbb\xbfa\r\nb\xc3\xa9", b"a\rb\xc3\xa9"])
def test_marks_and_line_ends_make_no_difference(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    assert read_text(path) == "a\nbé"


@pytest.mark.parametrize(
    ("encoding", "word", "place"),
    [
        ("latin-1", "café", "line 2 (byte 0xE9)"),
        ("cp1250", "café", "line 2 (byte 0xE9)"),
        ("utf-16", "café", "line 1 (it is UTF-16)"),
        ("utf-32", "café", "line 1 (it is UTF-32)"),
        ("shift_jis", "アイ", "line 2 (byte 0x83)"),
    ],
)
def test_another_encoding_is_named_with_file_place_and_remedy(
    tmp_path: Path, encoding: str, word: str, place: str
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(f"plain\n{word}".encode(encoding))
    with pytest.raises(NotUtf8) as caught:
        read_text(path)
    assert str(caught.value) == f"{path}: not UTF-8 in {place}; save it as UTF-8"
