"""``mula clips``: what is in the folder, and moving it between its shelves without a daemon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mula_bridge.control.messages import Status
from mula_bridge.errors import BadInput
from mula_daemon.cli.options import config_of, parser
from mula_daemon.clips import Clip, Library, Shelves

_MOVES: Final = {"keep": Status.KEPT, "reject": Status.REJECTED, "restore": Status.NEW}
_MARKS: Final = {"favourite": True, "unfavourite": False}
ACTIONS: Final = ("list", *_MOVES, *_MARKS)


def main(argv: Sequence[str]) -> int:
    """One line per clip, oldest first; or move or mark some, and a line for each."""
    made = parser(
        "clips",
        "List the clips in the folder, oldest first; or keep, reject or restore (make new again) "
        "clips by their ids. Clips are moved with all that belongs to them, never deleted.",
        ("folder",),
    )
    made.add_argument("action", nargs="?", default="list", choices=ACTIONS, metavar="ACTION",
                      help=f"{', '.join(ACTIONS)} (default list)")  # fmt: skip
    made.add_argument("ids", nargs="*", metavar="ID", help="clips, by their ids")
    made.add_argument("--status", choices=list(Status), help="list only the new, kept or rejected")
    parsed = made.parse_args(argv)
    library = Library(config_of(parsed).clip_folder.folder)
    if parsed.action == "list":
        return _list(library, parsed.status)
    if not parsed.ids:
        raise BadInput(f"which clips? mula clips {parsed.action} ID...; mula clips lists them")
    shelves = Shelves(library)
    for clip_id in parsed.ids:
        if parsed.action in _MOVES:
            clip = shelves.put(clip_id, _MOVES[parsed.action])
        else:
            clip = shelves.favour(clip_id, _MARKS[parsed.action])
        print(_line(clip))
    return 0


def _list(library: Library, status: str | None) -> int:
    clips = [clip for clip in library.clips() if status in (None, clip.recipe.status)]
    for clip in clips:
        print(_line(clip))
    if not clips:
        print(f"no {status + ' ' if status else ''}clips in {library.folder}")
    return 0


def _line(clip: Clip) -> str:
    recipe = clip.recipe
    loudness = f"{recipe.loudness_lufs:6.1f}" if recipe.loudness_lufs is not None else "   -  "
    return (
        f"{recipe.id}  {recipe.status:<8} {'*' if recipe.favourite else ' '} "
        f"{recipe.bars:>2} bars  {recipe.bpm:6.2f} BPM  {recipe.key:<5} "
        f"{loudness} LUFS  seed {recipe.seed:<10} {', '.join(recipe.tags) or '-'}"
    )
