"""A clip's way from one folder of the library to another: whole, whatever interrupts it.

A move is written down before it begins (``.mula/move.json``), and every step of it may be
done twice. So whoever finds the note, a daemon that starts or the next move, carries it
out to the end. Until then each file of the clip is in the old place, in the new one, or
in both; it is never in neither.

The WAV keeps its old name beside the new one when a DAW may hold it: then both name the
same bytes (a copy, where the file system has no hard links), and no project loses it.
"""

from __future__ import annotations

import filecmp
import json
import logging
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from mula_bridge.errors import BadInput, Busy
from mula_bridge.files import HELD, patiently, replace_text, sync_folder
from mula_daemon.clips.files import HIDDEN, is_below
from mula_daemon.files import read_json

NOTE: Final = "move.json"
COPY: Final = ".copy"

_log = logging.getLogger(__name__)


class Move(Struct, frozen=True, forbid_unknown_fields=True):
    """One move. Paths have forward slashes; ``source`` and ``target`` are below the library.

    ``files`` (but for sidecar and WAV), ``sidecar`` and ``wav`` lie at the same place below
    both folders. ``text`` is what the sidecar says once the clip is there. ``stays``: the
    WAV keeps its old name too.
    """

    source: str
    target: str
    files: tuple[str, ...]
    sidecar: str
    wav: str
    text: str
    stays: bool = False


def resume(library: Path) -> None:
    """Carry out the move that was interrupted, if one was.

    A note that makes no sense is set aside, with a line in the log; nothing is removed.
    Raises Busy and OSError as ``carry_out`` does.
    """
    note = library / HIDDEN / NOTE
    try:
        if not stat.S_ISREG(note.stat().st_mode):  # a pipe would be waited for
            raise BadInput(f"{note}: is no file")
        move = read_json(note, Move)
        for name in (move.source, move.target, *move.files, move.sidecar, move.wav):
            if not is_below(name):
                raise BadInput(f"{note}: {name!r} is not below the library's folder")
    except FileNotFoundError:
        return
    except BadInput as error:
        aside = note.with_name(f"{NOTE}.bad")
        _log.warning("%s; it is now %s", error, aside)
        note.replace(aside)
        return
    carry_out(library, move)


def begin(library: Path, move: Move) -> None:
    """Carry out a new move. Raises BadInput when a file is in the way, Busy and OSError.

    The caller holds the library's lock, and has resumed.
    """
    _check(library, move)
    text = json.dumps(structs.asdict(move), ensure_ascii=False, indent=1)
    replace_text(library / HIDDEN / NOTE, text)
    carry_out(library, move)


def carry_out(library: Path, move: Move) -> None:
    """Do what is left of a move that was written down, and strike it off.

    Raises Busy when another program holds a file that has to go, and OSError; the note
    stays then, and the next ``carry_out`` goes on from here.
    """
    old, new = library / move.source, library / move.target
    for name in (*move.files, move.sidecar, move.wav):
        (new / name).parent.mkdir(parents=True, exist_ok=True)
    for name in move.files:
        _bring(old / name, new / name)
    _unless_held(new / move.sidecar, lambda: replace_text(new / move.sidecar, move.text))
    _bring_wav(old / move.wav, new / move.wav, stays=move.stays)
    for folder in {(new / name).parent for name in (*move.files, move.sidecar, move.wav)}:
        sync_folder(folder)
    # From here on the clip is in its new place; what follows only tidies the old one.
    if not move.stays:
        _let_go(old / move.wav)
    for name in (*move.files, move.sidecar):
        _remove(old / name)
    _remove(library / HIDDEN / NOTE)


def _check(library: Path, move: Move) -> None:
    """See that no other file is in the way. Raises BadInput that names it."""
    for name in (*move.files, move.wav):
        old, new = library / move.source / name, library / move.target / name
        if os.path.lexists(new) and not _is_same(old, new):
            raise BadInput(f"{new} is another file: move it away, then try again")


def _bring(old: Path, new: Path) -> None:
    """Give what is at ``old`` the name ``new``: as a second one if the file system can."""
    if os.path.lexists(new) or not os.path.lexists(old):
        return  # done before; or the user took it away
    if not _linked(old, new):
        _unless_held(old, lambda: patiently(lambda: old.rename(new)))


def _bring_wav(old: Path, new: Path, *, stays: bool) -> None:
    """The same for the WAV, which a DAW may hold: where it can be neither linked nor renamed,
    it is copied."""
    if os.path.lexists(new) or not os.path.lexists(old) or _linked(old, new):
        return
    if not stays:
        try:
            old.rename(new)
            return
        except OSError as error:
            if error.errno not in HELD:
                raise
    copy = new.with_name(f".{new.name}{COPY}")
    shutil.copyfile(old, copy)  # over what an interrupted move left
    copy.rename(new)


def _linked(old: Path, new: Path) -> bool:
    try:
        new.hardlink_to(old)
    except FileExistsError:
        return True
    except OSError:  # no hard links here (FAT, some network shares), or worse: others will tell
        return False
    return True


def _let_go(old: Path) -> None:
    """Take the old name away, unless a program holds the file as Windows lets it do."""
    try:
        old.unlink()
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in HELD:
            raise


def _remove(path: Path) -> None:
    if os.path.lexists(path):
        _unless_held(path, lambda: patiently(path.unlink))


def _unless_held(path: Path, act: Callable[[], object]) -> None:
    try:
        act()
    except OSError as error:
        if error.errno in HELD:
            raise Busy(f"another program holds {path}: close it there and try again") from error
        raise


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other) or filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False
