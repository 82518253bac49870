"""What a command says of an error that nobody has put into words before it came here."""

from __future__ import annotations

import errno
import traceback
from pathlib import Path
from types import MappingProxyType
from typing import Final

_REMEDIES: Final = MappingProxyType(
    {
        errno.ENOSPC: "make room on that disk, or choose another one",
        errno.EDQUOT: "make room within your quota, or choose another disk",
        errno.EACCES: "choose another place, or have the right to use this one",
        errno.EPERM: "choose another place, or have the right to use this one",
        errno.EROFS: "choose a place that can be written",
        errno.ENOENT: "mend the path",
        errno.ENOTDIR: "mend the path",
        errno.EISDIR: "name a file, not a folder",
        errno.ENAMETOOLONG: "choose a shorter name",
        errno.EMFILE: "allow more open files (ulimit -n), or close something",
        errno.ENFILE: "close other programs: this machine has too many files open",
        errno.ENOMEM: "close other programs",
    }
)
_DISK: Final = "see that the disk or the device is still there, and try again"


def in_words(error: Exception) -> str:
    """One sentence: what happened, where, and what to do. ``error`` is no MulaError."""
    match error:
        case MemoryError():
            return "this machine has no memory left; close other programs, or ask for less"
        case ImportError():
            return (
                f"{error.name or 'a part of it'} cannot be loaded ({error}); install it again: "
                "pip install --force-reinstall 'mulabridge[engine]'"
            )
        case OSError(errno=int(number), strerror=str(reason)):
            named = [str(name) for name in (error.filename, error.filename2) if name is not None]
            where = f"{' -> '.join(named)}: " if named else ""
            return f"{where}{reason}; {_REMEDIES.get(number, _DISK)}"
        case UnicodeError():
            return f"a text cannot be read ({error}); save it, or type it, as UTF-8"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno}); this "
        "is a fault of ours, please report it (PYTHONDEVMODE=1 shows more)"
    )
