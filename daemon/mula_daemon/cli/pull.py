"""``mula pull NAME``: fetch a model's weights from the Hugging Face hub."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar

from mula_daemon.engine import require_engine
from mula_daemon.weights import (
    GB,
    RELEASES,
    Hub,
    PullProgress,
    Release,
    default_place,
    pull,
    read_record,
    release,
    write_record,
)

CASTS: Final = ("fp32", "bf16", "fp16")


def main(argv: Sequence[str]) -> int:
    """Fetch, convert if asked to, and say how to start."""
    made = argparse.ArgumentParser(
        prog="mula pull",
        description="Fetch a model's weights. What is there already is not fetched again, be it "
        "another release's, and an interrupted pull goes on where it stopped.",
        epilog="models:\n" + "\n".join(_line(row) for row in RELEASES.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("model", metavar="MODEL", help="which one: " + " or ".join(RELEASES))
    made.add_argument("--into", type=Path, metavar="DIR", help="folder for the weights")
    made.add_argument(
        "--dtype",
        choices=CASTS,
        default=CASTS[0],
        help="write a converted copy beside it, DIR-bf16, with the language model at half the "
        "size: it loads faster and sounds the same on a GPU, which casts anyway",
    )
    made.add_argument("--check", action="store_true", help="read again what is there already")
    made.add_argument(
        "--endpoint", metavar="URL", help="a mirror of the hub (default: HF_ENDPOINT, or the hub)"
    )
    parsed = made.parse_args(argv)
    require_engine()
    wanted = release(parsed.model)
    root = (parsed.into or default_place(wanted.name)).expanduser().absolute()
    print(f"{wanted.name} ({wanted.licence}) into {root}", file=sys.stderr)
    cast = parsed.dtype != CASTS[0]
    with progress() as shown:
        fetched = pull(
            wanted, root, Hub(parsed.endpoint), shown, check=parsed.check, cast=cast, say=_say
        )
    print(f"{fetched} files fetched" if fetched else "nothing was missing", file=sys.stderr)
    if cast:
        root = _converted(wanted, root, parsed.dtype)
    print(f"mula run --engine {wanted.engine}{_named(wanted, root)}")
    return 0


def _say(words: str) -> None:
    print(words, file=sys.stderr)


def _line(row: Release) -> str:
    sources = ", ".join(f"{source.repo}@{source.revision}" for source in row.sources)
    return f"  {row.name}  {row.licence}, from {sources}; kept in {default_place(row.name)}"


def _named(wanted: Release, root: Path) -> str:
    """What names the release in ``root``: nothing for the one that is taken unless another is."""
    usual = wanted.name == wanted.engine
    if root == default_place(wanted.name):
        return "" if usual else f" --checkpoint {wanted.name}"
    return f" --checkpoint {root if usual else root / wanted.model}"


def _converted(wanted: Release, root: Path, dtype: str) -> Path:
    from mula_daemon.engine.heartmula.model import DTYPES, convert

    target = root.parent / f"{root.name}-{dtype}"
    convert(root, target, DTYPES[dtype], wanted.castable, _say)
    write_record(target, wanted.name, read_record(root), dtype=dtype)
    return target


@contextmanager
def progress() -> Iterator[PullProgress]:
    """A bar on a terminal, a line per file elsewhere; on stderr, like every progress of ours."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        yield Bars(bar)


class Bars:
    """One bar over all bytes, named after the file that arrives."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("looking", total=None)

    def begin(self, files: int, left: int) -> None:
        self._bar.update(self._task, description=f"{files} files", total=left or None)

    def file(self, name: str, size: int) -> None:
        self._bar.update(self._task, description=name)

    def arrived(self, count: int) -> None:
        self._bar.advance(self._task, count)


def _gigabytes(size: int) -> str:
    return f"{size / GB:.2f} GB" if size else "the hub does not say how large"


class Lines:
    """For logs."""

    def begin(self, files: int, left: int) -> None:
        print(f"{files} files to fetch, {_gigabytes(left)}", file=sys.stderr)

    def file(self, name: str, size: int) -> None:
        print(f"fetching {name} ({_gigabytes(size)})", file=sys.stderr)

    def arrived(self, count: int) -> None:
        """Lines would be too many."""
