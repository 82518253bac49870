"""The inbox folder: requests come in as files, and answers lie beside them.

::

    FOLDER/.mula/inbox/NAME.json              a request; gone once it is taken
    FOLDER/.mula/inbox/answers/ID.json        how its job stands, if it has an id
    FOLDER/.mula/inbox/rejected/NAME.json     a request that was wrong ...
    FOLDER/.mula/inbox/rejected/NAME.txt      ... and why

Write ``NAME.json.tmp`` and rename it: only names that end in ``.json`` are read.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from mula_bridge.control import Emit, Service
from mula_bridge.control.messages import (
    ClipReady,
    Failed,
    JobChanged,
    JobState,
    Origin,
    Progress,
    Report,
)
from mula_bridge.errors import BadInput, MulaError
from mula_bridge.files import replace_text
from mula_daemon.requests.file import MAX_BYTES, read_request

INBOX: Final = "inbox"
POLL_S: Final = 0.1
_GRACE_S: Final = 1.0
"""How long a file that is not whole JSON may still be being written by a careless program."""
_KEEP_S: Final = 86_400.0
"""Answers older than a day are removed at start."""
MOST_HEARD: Final = 4096
"""Reports that wait to be answered with."""
MOST_TAKEN: Final = 256
"""Requests that may still turn out to be wrong; of more, the oldest were right."""
_PROGRESS_STEP: Final = 0.05
_FINAL: Final = (JobState.DONE, JobState.CANCELLED, JobState.FAILED)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """How the job of a request stands: ``fraction`` 0..1 of it is generated."""

    id: str
    state: str
    reason: str = ""
    fraction: float = 0.0
    clips: tuple[str, ...] = ()


class RequestFolder(Service):
    """Takes requests out of the folder, and writes their answers: a Listener.

    ``report`` is the session's thread's and only queues; everything on the disk is done
    by the folder's own thread.
    """

    def __init__(self, hidden: Path, emit: Emit, poll_seconds: float = POLL_S) -> None:
        """``hidden`` is the clip folder's hidden folder."""
        super().__init__("inbox folder")
        self._emit = emit
        self.folder = hidden / INBOX
        self._answers = self.folder / "answers"
        self._rejected = self.folder / "rejected"
        self._poll_seconds = poll_seconds
        self._heard: deque[tuple[Report, Origin | None]] = deque()
        self._left: dict[Path, int] = {}
        self._resting = False
        self._open: dict[str, Answer] = {}
        self._taken: dict[Origin, tuple[str, str, str]] = {}

    def start(self) -> None:
        """Begin to watch; what lies there already is taken too. Raises OSError."""
        for folder in (self._answers, self._rejected):
            folder.mkdir(parents=True, exist_ok=True)
        self._forget_old()
        super().start()

    def report(self, report: Report, *, to: Origin | None, but: Origin | None) -> None:
        """Note what concerns our requests; ``but`` is how the session says who asked."""
        if isinstance(report, JobChanged | Progress | ClipReady):
            if to is None:
                self._hear(report, None)
        elif isinstance(report, Failed) and to is not None and to.source == INBOX:
            self._hear(report, to)

    def _hear(self, report: Report, origin: Origin | None) -> None:
        # While the disk is away, how far a job is can be left out, and the oldest else.
        if len(self._heard) >= MOST_HEARD:
            if isinstance(report, Progress):
                return
            self._heard.popleft()
        self._heard.append((report, origin))

    def rest(self) -> None:
        """Take no more requests, which are for the next start; answers are written on. Any
        thread."""
        self._resting = True

    # --- the folder's thread ------------------------------------------------------------------

    def run(self) -> None:
        """Take what comes, and write the answers; once more at the end."""
        while True:
            stopping = self.stopping.wait(self._poll_seconds)
            with self.item("answering"):
                self._at_the_disk(self._write_answers)
            if stopping:
                return
            if self._resting:
                continue
            with self.item("looking for requests", rest=True):
                self._at_the_disk(self.check)

    def _at_the_disk(self, act: Callable[[], None]) -> None:
        try:
            act()
        except OSError as error:  # a drive that was pulled: it may come back
            log.debug("inbox: %s", error)

    def check(self) -> None:
        """Take the requests that lie there now, oldest first. Raises OSError.

        One that nothing can be done with is named once, and left until it has changed.
        """
        with os.scandir(self.folder) as entries:
            found = [entry for entry in entries if entry.name.endswith(".json")]
        left = self._left
        self._left = {}
        for path, status in sorted(_files(found), key=lambda one: (one[1].st_mtime_ns, one[0])):
            if left.get(path) == status.st_mtime_ns:
                self._left[path] = status.st_mtime_ns
                continue
            try:
                self._take(path, status)
            except Exception as error:
                if not isinstance(error, OSError):  # what the disk refuses it may grant again
                    self._left[path] = status.st_mtime_ns
                self.stumble(f"the request {legible(path.name)}", error)

    def _take(self, path: Path, status: os.stat_result) -> None:
        if status.st_size > MAX_BYTES:
            self._reject(path, f"{path.name}: {status.st_size} bytes; at most {MAX_BYTES} are read")
            return
        try:
            text = path.read_text(encoding="utf-8")
        except PermissionError:  # Windows, while its writer still holds it: the next look
            return
        except UnicodeDecodeError as error:
            self._reject(path, f"{path.name}: not UTF-8: {error}")
            return
        try:
            request = read_request(text, path.name)
        except BadInput as error:
            if not text.rstrip().endswith("}") and time.time() - status.st_mtime < _GRACE_S:
                return
            self._reject(path, str(error))
            return
        path.unlink()
        origin = Origin(INBOX, (path.name, status.st_mtime_ns), address=legible(path.name))
        self._taken[origin] = (path.name, text, request.id)
        while len(self._taken) > MOST_TAKEN:  # nothing was wrong with those
            del self._taken[next(iter(self._taken))]
        if request.id:
            self._open[request.id] = Answer(request.id, "taken")
            with self.item(f"the answer {request.id}"):  # it is obeyed all the same
                self._write(self._open[request.id])
        try:
            for command in request.commands:
                self._emit(command, origin)
        except MulaError as error:
            self._refuse(origin, str(error))

    def _write_answers(self) -> None:
        changed: dict[str, Answer] = {}
        while self._heard:
            report, origin = self._heard.popleft()
            with self.item("an answer"):
                if isinstance(report, Failed):
                    if origin is not None:
                        self._refuse(origin, report.text)
                    continue
                answer = self._answered(report)
                if answer is not None:
                    changed[answer.id] = answer
        for answer in changed.values():
            with self.item(f"the answer {answer.id}"):
                self._write(answer)

    def _answered(self, report: Report) -> Answer | None:
        """The open answer that ``report`` changes visibly, as it is from now on."""
        match report:
            case JobChanged(job, state, reason) if job in self._open:
                answer = replace(self._open[job], state=str(state), reason=reason)
                if state is JobState.DONE:
                    answer = replace(answer, fraction=1.0)
                self._open[job] = answer
                if state in _FINAL:
                    del self._open[job]
                return answer
            case Progress(job, fraction) if job in self._open:
                before = self._open[job]
                if fraction - before.fraction < _PROGRESS_STEP:
                    return None
                self._open[job] = replace(before, fraction=round(fraction, 3))
                return self._open[job]
            case ClipReady(id=clip, job=job) if job in self._open:
                before = self._open[job]
                self._open[job] = replace(before, clips=(*before.clips, clip))
                return self._open[job]
        return None

    def _refuse(self, origin: Origin, reason: str) -> None:
        """A request that read well could not be obeyed: put it aside with the reason."""
        if origin not in self._taken:
            return
        name, text, asked = self._taken.pop(origin)
        self._set_aside(name, text.encode(), reason)
        if asked in self._open:
            answer = replace(self._open.pop(asked), state=str(JobState.FAILED), reason=reason)
            self._write(answer)

    def _reject(self, path: Path, reason: str) -> None:
        self._set_aside(path.name, path.read_bytes()[:MAX_BYTES], reason)
        path.unlink()
        log.warning("inbox: %s (moved to %s)", legible(reason), self._rejected)

    def _set_aside(self, name: str, content: bytes, reason: str) -> None:
        stem = name.removesuffix(".json")
        number = 1
        while (kept := self._rejected / f"{_numbered(stem, number)}.json").exists():
            number += 1
        kept.write_bytes(content)
        replace_text(kept.with_suffix(".txt"), f"{legible(reason)}\n")

    def _write(self, answer: Answer) -> None:
        replace_text(self._answers / f"{answer.id}.json", json.dumps(asdict(answer)) + "\n")

    def _forget_old(self) -> None:
        for path in self._answers.iterdir():
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _KEEP_S:
                    path.unlink()


def _files(entries: Iterable[os.DirEntry[str]]) -> Iterator[tuple[Path, os.stat_result]]:
    for entry in entries:
        with contextlib.suppress(FileNotFoundError):  # its writer took it back
            if entry.is_file(follow_symlinks=False):
                yield Path(entry.path), entry.stat()


def _numbered(stem: str, number: int) -> str:
    return stem if number == 1 else f"{stem}-{number}"


def legible(text: str) -> str:
    """The text as UTF-8 can spell it: file names need not be UTF-8."""
    return text.encode(errors="backslashreplace").decode()
