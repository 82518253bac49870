"""Files of a Hugging Face repository, fetched so that an interruption loses nothing.

The listing and the signed addresses come from huggingface_hub, which knows tokens and mirrors.
The bytes are fetched here, because that library (2.4) begins an interrupted file again from its
first byte, and the largest ones have five gigabytes.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from time import sleep
from typing import Final
from urllib.parse import urlsplit

from mula_bridge.errors import Unavailable

PIECE: Final = 1 << 20
"""Bytes per read."""
TIMEOUT_S: Final = 30.0
DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
PART: Final = ".part"
"""Suffix of a file that is not complete yet."""

Arrived = Callable[[int], None]
"""Called with each number of bytes that arrived; negative when some have to come again."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a repository. ``sha256`` is empty for small files, which carry none."""

    name: str
    size: int
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
            raise _unreachable(repo, error) from error
        files = tuple(
            RemoteFile(
                sibling.rfilename, sibling.size or 0, sibling.lfs.sha256 if sibling.lfs else ""
            )
            for sibling in info.siblings or ()
            if any(fnmatch(sibling.rfilename, pattern) for pattern in wanted)
        )
        for pattern in wanted:
            if "*" not in pattern and not any(file.name == pattern for file in files):
                raise Unavailable(f"{repo} has no {pattern}; is it the right repository?")
        return Listing(repo, info.sha or revision, files)

    def fetch(self, listing: Listing, file: RemoteFile, path: Path, arrived: Arrived) -> None:
        """Bring ``file`` to ``path``, going on from what is in its ``.part`` already.

        Raises Unavailable when the hub stays away, or sends something else than it promised.
        """
        part = path.with_name(path.name + PART)
        path.parent.mkdir(parents=True, exist_ok=True)
        stalled, most = 0, -1
        problem: Exception = TimeoutError("nothing arrives")
        while (have := _size(part)) < file.size or not part.exists():
            stalled = 0 if have > most else stalled + 1  # only tries without a new byte count
            if stalled:
                if stalled >= self._tries:
                    raise _unreachable(f"{listing.repo}/{file.name}", problem) from problem
                sleep(self._pause_s)
            most = max(most, have)
            try:
                self._append(listing, file, part, arrived)
            except Exception as error:  # as above; but a disk is no network
                if isinstance(error, PermissionError) or getattr(error, "errno", 0) in DISK_FULL:
                    raise Unavailable(
                        f"{path.parent} cannot be written ({error}); make room, or name another "
                        "folder with --into"
                    ) from error
                problem = error
        if (found := damage(part, file)) is not None:
            arrived(-_size(part))
            part.unlink()
            raise Unavailable(f"{listing.repo}/{file.name}: {found}; start again to fetch it anew")
        part.replace(path)

    def _append(self, listing: Listing, file: RemoteFile, part: Path, arrived: Arrived) -> None:
        have = _size(part)
        with self._open(listing, file, have) as answer, part.open("ab") as out:
            if have and answer.status != http.client.PARTIAL_CONTENT:  # it sends the whole file
                out.truncate(0)
                arrived(-have)
            for piece in _pieces(answer):
                out.write(piece)
                arrived(len(piece))

    def _open(self, listing: Listing, file: RemoteFile, start: int) -> http.client.HTTPResponse:
        from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url

        url = hf_hub_url(listing.repo, file.name, revision=listing.commit, endpoint=self._endpoint)
        found = get_hf_file_metadata(url, endpoint=self._endpoint)
        headers = {"Range": f"bytes={start}-"} if start else {}
        # A signed address on another machine must not see the token.
        if urlsplit(found.location).netloc == urlsplit(url).netloc and (token := get_token()):
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(found.location, headers=headers)
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_S)
        return answer


def damage(path: Path, file: RemoteFile) -> str | None:
    """What is wrong with ``path``, in words; None when it is the file that was promised."""
    size = _size(path)
    if size != file.size:
        return f"{size} bytes are not the {file.size} promised"
    if file.sha256:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != file.sha256:
            return f"its sha256 is {digest[:12]}..., not {file.sha256[:12]}..."
    return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _pieces(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while piece := answer.read(PIECE):
        yield piece


def _unreachable(what: str, error: Exception) -> Unavailable:
    return Unavailable(
        f"{what} cannot be fetched ({type(error).__name__}: {error}); check the connection and "
        "start again: what has arrived stays"
    )
