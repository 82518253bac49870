"""A disk whose process can die between any two file operations, one without hard links, and
one that flushes no folders."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


class Crash(BaseException):
    """The process died here: no handler of errors sees it."""


class CrashingDisk:
    """Counts the operations that change files; dies at the one that ``countdown`` says.

    Once dead every further operation dies too, those of ``finally`` blocks included, until
    ``revive``. Reading goes on. Nothing is flushed: that a power cut loses what was not
    flushed is not tested here.
    """

    def __init__(
        self,
        patch: pytest.MonkeyPatch,
        *,
        links: bool = True,
        folder_sync: int = 0,
        file_sync: int = 0,
    ) -> None:
        """``folder_sync`` and ``file_sync`` are the errors that a flush answers; 0 for none."""
        self._sync_errors = {True: folder_sync, False: file_sync}
        self.countdown: int | None = None
        self.dead = False
        for name in ("unlink", "rename", "replace", "mkdir", "write"):
            patch.setattr(os, name, self._operation(getattr(os, name)))
        patch.setattr(os, "link", self._operation(os.link if links else _no_links))
        patch.setattr(os, "fsync", self._operation(self._sync))
        patch.setattr(os, "open", self._opening(os.open))
        patch.setattr(io, "open", self._io_opening(io.open))
        patch.setattr(shutil, "copyfile", self._copying(shutil.copyfile))

    def revive(self) -> None:
        """The next process."""
        self.dead, self.countdown = False, None

    def _sync(self, fd: int) -> None:
        number = self._sync_errors[stat.S_ISDIR(os.fstat(fd).st_mode)]
        if number:
            raise OSError(number, os.strerror(number))

    def _step(self) -> None:
        if self.countdown is not None:
            self.dead = self.dead or self.countdown == 0
            self.countdown -= 1
        if self.dead:
            raise Crash

    def _operation(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def operation(*args: Any, **kwargs: Any) -> Any:
            self._step()
            return real(*args, **kwargs)

        return operation

    def _opening(self, real: Callable[..., int]) -> Callable[..., int]:
        def opening(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
            if flags & os.O_CREAT:
                self._step()
            return real(path, flags, *args, **kwargs)

        return opening

    def _io_opening(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def opening(path: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if set("wx") & set(mode):
                self._step()
                if self.countdown == 0:  # dies with an empty file
                    real(path, mode, *args, **kwargs).close()
                    self._step()
            return real(path, mode, *args, **kwargs)

        return opening

    def _copying(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def copying(source: Path, target: Path) -> None:
            self._step()
            if self.countdown == 0:  # dies with half a copy
                target.write_bytes(source.read_bytes()[:3])
                self._step()
            real(source, target)

        return copying


def _no_links(*_: Any, **__: Any) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))
