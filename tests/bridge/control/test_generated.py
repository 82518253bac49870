"""The command line of the files that are written from the tables."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from mula_bridge.control.generated import print_write_or_check


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser(prog="greeting")
    parser.add_argument("--name", default="world")
    return print_write_or_check(parser, lambda options: f"hello {options.name}\n", argv)


def test_it_prints_writes_and_checks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "greeting.txt"
    assert run() == 0
    assert capsys.readouterr().out == "hello world\n"
    assert run("--check", str(path)) == 1
    assert run("--write", str(path)) == 0
    assert path.read_bytes() == b"hello world\n"
    assert run("--check", str(path)) == 0
    assert capsys.readouterr().err == f"{path} is stale; write it again with --write\n"


def test_an_option_of_the_writer_changes_what_is_made(tmp_path: Path) -> None:
    path = tmp_path / "greeting.txt"
    assert run("--write", str(path), "--name", "Ada") == 0
    assert path.read_text() == "hello Ada\n"
    assert run("--check", str(path)) == 1


def test_nothing_is_written_and_checked_at_once() -> None:
    with pytest.raises(SystemExit):
        run("--write", "a", "--check", "a")
