"""Files of a Hugging Face repository, fetched so that an interruption loses nothing.

Everything goes through the one client of huggingface_hub, which knows tokens, mirrors, proxies and
whom this machine trusts. Its own download is not used, because that (2.4) begins an interrupted
file again from its first byte, and the largest ones have five gigabytes.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from time import sleep
from typing import Any, Final

from mula_bridge.errors import Unavailable
from mula_daemon.weights.content import flaw, is_hidden
from mula_daemon.weights.failures import is_disk, is_final, unreachable, unwritable

TIMEOUT_S: Final = 30.0
_PARTIAL: Final = 206
_BEYOND: Final = 416
"""Range Not Satisfiable: there is nothing from there on."""
_CONTENT_RANGE: Final = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")
PART: Final = ".part"
"""Suffix of a file that is not complete yet."""

Arrived = Callable[[int], None]
"""Called with each number of bytes that arrived; negative when some have to come again."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository.

    ``size`` is None where the listing does not say; ``sha256`` is empty then, and for small files.
    """

    name: str
    size: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The wanted files of a repository at one commit."""

    repo: str
    commit: str
    files: tuple[RemoteFile, ...]


class Hub:
    """One hub or mirror; ``endpoint`` None is the library's own choice (HF_ENDPOINT)."""

    def __init__(
        self, endpoint: str | None = None, *, tries: int = 5, pause_s: float = 2.0
    ) -> None:
        self._endpoint = endpoint
        self._tries = tries
        self._pause_s = pause_s

    def listing(self, repo: str, revision: str, wanted: Sequence[str]) -> Listing:
        """The files whose names match ``wanted``. Raises Unavailable, naming what is wrong."""
        from huggingface_hub import HfApi
        from huggingface_hub.errors import (
            GatedRepoError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )

        try:
            info = HfApi(endpoint=self._endpoint).model_info(
                repo, revision=revision, files_metadata=True, timeout=TIMEOUT_S
            )
        except RevisionNotFoundError as error:
            raise Unavailable(
                f"{repo} has no revision {revision!r}; a newer mulabridge may know its name"
            ) from error
        except GatedRepoError as error:
            raise Unavailable(
                f"{repo} wants its terms accepted: do so on its page, then hf auth login"
            ) from error
        except RepositoryNotFoundError as error:
            raise Unavailable(f"there is no repository {repo} (or it is private)") from error
        except Exception as error:  # what a dead network raises differs from version to version
            raise unreachable(repo, error) from error
        files = tuple(
            _remote(sibling)
            for sibling in info.siblings or ()
            if not is_hidden(sibling.rfilename)
            and any(fnmatch(sibling.rfilename, pattern) for pattern in wanted)
        )
        for pattern in wanted:
            if "*" not in pattern and not any(file.name == pattern for file in files):
                raise Unavailable(f"{repo} has no {pattern}; is it the right repository?")
        return Listing(repo, info.sha or revision, files)

    def fetch(self, listing: Listing, file: RemoteFile, path: Path, arrived: Arrived) -> None:
        """Bring ``file`` to ``path``, going on from what is in its ``.part`` already.

        Raises Unavailable when the hub stays away or sends something else than it promised, or the
        disk takes no more.
        """
        part = path.with_name(path.name + PART)
        what = f"{listing.repo}/{file.name}"
        stalled, most = 0, -1
        problem: Exception = TimeoutError("nothing arrives")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = _is_all(part, file)
            while not whole:
                have = _size(part)
                stalled = 0 if have > most else stalled + 1  # only tries without a new byte count
                if stalled:
                    if stalled >= self._tries:
                        raise unreachable(what, problem) from problem
                    sleep(self._pause_s)
                most = max(most, have)
                try:
                    whole = self._append(listing, file, part, arrived)
                except Exception as error:
                    if is_disk(error):
                        raise
                    if is_final(error):
                        raise unreachable(what, error) from error
                    problem = error
            if (found := damage(part, file)) is not None:
                arrived(-_size(part))
                part.unlink()
                raise Unavailable(
                    f"{what} {found}; start again to fetch it anew, or from another --endpoint"
                )
            with part.open("rb+") as arrived_whole:  # its name is to mean that it is complete
                os.fsync(arrived_whole.fileno())
            part.replace(path)
        except OSError as error:
            raise unwritable(path.parent, error) from error

    def _append(self, listing: Listing, file: RemoteFile, part: Path, arrived: Arrived) -> bool:
        """Fetch what comes after ``part``; whether that was all. Raises what the client raises."""
        from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

        have = _size(part)
        with self._open(listing, file, have) as answer:
            start, total = _range(answer, have)
            if answer.status_code == _BEYOND:
                if total != have:  # it is another file than the one that was begun
                    part.unlink(missing_ok=True)
                    arrived(-have)
                return bool(total == have)
            hf_raise_for_status(answer)
            with part.open("ab") as out:
                if start != have:  # it sends the whole file, or more than was asked for
                    if start > have:
                        raise ConnectionError(f"it sends from byte {start} on, not from {have}")
                    out.truncate(start)
                    arrived(start - have)
                for piece in answer.iter_bytes():  # of a size of its own, a last one would be lost
                    out.write(piece)
                    arrived(len(piece))
        told = total if total is not None else file.size
        return told is None or _size(part) >= told

    def _open(self, listing: Listing, file: RemoteFile, start: int) -> AbstractContextManager[Any]:
        """The answer with the bytes from ``start`` on, as httpx streams it.

        The client follows redirects, and keeps the token from other machines.
        """
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import (  # type: ignore[attr-defined]
            build_hf_headers,
            get_session,
        )

        url = hf_hub_url(listing.repo, file.name, revision=listing.commit, endpoint=self._endpoint)
        headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        return get_session().stream(
            "GET", url, headers=headers, timeout=TIMEOUT_S, follow_redirects=True
        )


def damage(path: Path, file: RemoteFile) -> str | None:
    """What is wrong with ``path``, in words; None when it is the file that was promised.

    A sum decides where one is known; a listing that says another size is overruled by it, and by
    what lies in the file. Raises OSError.
    """
    if not path.is_file():
        return "is missing"
    if file.sha256:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest == file.sha256:
            return None
        return f"has the sha256 {digest[:12]}..., not {file.sha256[:12]}..."
    return flaw(path, file.name)


def _remote(sibling: Any) -> RemoteFile:
    """A line of the listing. Mirrors leave things out; 0 is no size of a file that is wanted."""
    lfs = sibling.lfs
    size = (lfs.size if lfs else None) or sibling.size
    return RemoteFile(
        sibling.rfilename,
        size if isinstance(size, int) and size > 0 else None,
        (lfs.sha256 if lfs else None) or "",
    )


def _is_all(part: Path, file: RemoteFile) -> bool:
    """Whether nothing needs to be asked for, because as much is there as was promised."""
    if file.size is None or not part.exists():
        return False
    return _size(part) == file.size or (bool(file.sha256) and _size(part) > file.size)


def _range(answer: Any, asked: int) -> tuple[int, int | None]:
    """The first byte of an answer, and how long the file is; None when it does not say.

    ``asked`` is the byte that was asked for.
    """
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    if answer.status_code in (_PARTIAL, _BEYOND):
        start, total = found.groups() if found else (None, "*")
        return int(start or asked), None if total == "*" else int(total)
    length = answer.headers.get("Content-Length", "")
    if answer.headers.get("Content-Encoding", "identity") != "identity" or not length.isdecimal():
        return 0, None
    return 0, int(length)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
