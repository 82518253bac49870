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
import math
import os
import stat
import time
from collections import deque
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from mula_bridge.control import Emit, Service, legible
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
from mula_bridge.files import replace_text, text_of
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
LEFT: Final = math.inf
"""Said of a file that can be neither taken nor moved: it is left alone until it changes."""
MOST_OPEN: Final = 1024
"""Answers of jobs that have not ended; beyond it the oldest is written no more."""
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
        self._resting = False
        self._open: dict[str, Answer] = {}
        self._taken: dict[Origin, tuple[str, str, str]] = {}
        self._left: dict[tuple[object, ...], float] = {}
        """Files that lie there and could not be taken: since when, or LEFT."""

    def start(self) -> None:
        """Begin to watch; what lies there already is taken too. A folder that cannot be made is
        tried again, and costs the daemon nothing but requests."""
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self._make_folders()
            self._forget_old()
        except OSError as error:
            log.warning("no requests are taken from %s now: %s", self.folder, error)
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
            with self.item("writing answers"):
                self._write_answers()
            if stopping:
                return
            if self._resting:
                continue
            with self.item("looking for requests", rest=True):
                try:
                    self.check()
                except OSError as error:
                    log.debug("inbox: %s", error)
                    with contextlib.suppress(OSError):  # a drive that was pulled: it may come back
                        self._make_folders()  # or somebody emptied the folder

    def _make_folders(self) -> None:
        """Make what is not there. Raises OSError; a drive that was pulled is not made anew."""
        for folder in (self.folder, self._answers, self._rejected):
            folder.mkdir(exist_ok=True)

    def check(self) -> None:
        """Take the requests that lie there now, oldest first. Raises OSError.

        What cannot be taken is set aside, or, where it cannot be moved, left alone until it
        changes; it never keeps another one waiting.
        """
        found: list[tuple[Path, os.stat_result]] = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                # Names that begin with a dot are the system's.
                if entry.name.endswith(".json") and not entry.name.startswith("."):
                    with contextlib.suppress(OSError):  # it has gone again
                        found.append((Path(entry.path), entry.stat(follow_symlinks=False)))
        here = {_identity(path, status) for path, status in found}
        self._left = {known: since for known, since in self._left.items() if known in here}
        for path, status in sorted(found, key=lambda each: (each[1].st_mtime_ns, each[0].name)):
            if self._left.get(_identity(path, status)) != LEFT:
                self._attend(path, status)

    def _attend(self, path: Path, status: os.stat_result) -> None:
        try:
            self._take(path, status)
        except FileNotFoundError:  # it has gone again
            log.debug("inbox: %s has gone", path.name)
        except BadInput as error:
            self._reject(path, status, str(error))
        except OSError as error:
            # Its writer, a virus scanner or an indexer may hold it for a moment.
            known = _identity(path, status)
            since = self._left.setdefault(known, time.monotonic())
            if time.monotonic() - since > _GRACE_S:
                self._reject(path, status, f"{path.name}: cannot be taken: {error}")
        except Exception as error:  # the next one has done nothing wrong
            self.stumble(f"request {legible(path.name)}", error)
            self._reject(path, status, f"{path.name}: could not be read: {error!r}")

    def _take(self, path: Path, status: os.stat_result) -> None:
        """Read one file, remove it, and do what it asks for. Raises BadInput and OSError."""
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for, a link may lead round
            raise BadInput(f"{path.name}: is no file of its own; write the request into one")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            size = max(status.st_size, len(data))
            raise BadInput(f"{path.name}: {size} bytes; at most {MAX_BYTES} are read")
        try:
            text = text_of(data, path.name)
            request = read_request(text, path.name)
        except BadInput:
            if not data.rstrip().endswith(b"}") and self._is_fresh(path, status):
                return  # it may still be written
            raise
        path.unlink()  # what stays would be done again and again
        origin = Origin(INBOX, (path.name, status.st_mtime_ns), address=legible(path.name))
        self._taken[origin] = (path.name, text, request.id)
        while len(self._taken) > MOST_TAKEN:  # nothing was wrong with those
            del self._taken[next(iter(self._taken))]
        if request.id:
            self._open[request.id] = Answer(request.id, "taken")
            while len(self._open) > MOST_OPEN:  # their jobs ended without a word
                del self._open[next(iter(self._open))]
            with self.item(f"the answer to {legible(path.name)}"):
                self._write(self._open[request.id])
        try:
            for command in request.commands:
                self._emit(command, origin)
        except MulaError as error:
            self._refuse(origin, str(error))
        except Exception as error:  # it is gone from the folder, so whoever asked must hear
            self.stumble(f"request {legible(path.name)}", error)
            self._refuse(origin, f"{path.name}: could not be done: {error!r}")

    def _is_fresh(self, path: Path, status: os.stat_result) -> bool:
        """Whether a file was written just now; by our own clock, too, since that of the disk may
        be ahead of it."""
        if time.time() - status.st_mtime >= _GRACE_S:
            return False
        since = self._left.setdefault(_identity(path, status), time.monotonic())
        return time.monotonic() - since < _GRACE_S

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
        with self.item(f"setting {legible(name)} aside"):
            kept = self._place_for(name)
            kept.write_bytes(text.encode(errors="backslashreplace"))
            replace_text(kept.with_suffix(".txt"), f"{legible(reason)}\n")
        if asked in self._open:
            answer = replace(self._open.pop(asked), state=str(JobState.FAILED), reason=reason)
            with self.item(f"the answer {asked}"):
                self._write(answer)

    def _reject(self, path: Path, status: os.stat_result, reason: str) -> None:
        """Put a wrong request out of the way for good, with the reason."""
        reason = legible(reason)
        try:
            kept = self._place_for(path.name)
            if stat.S_ISREG(status.st_mode) and status.st_size > MAX_BYTES:
                with path.open("rb") as file:
                    beginning = file.read(MAX_BYTES)
                kept.write_bytes(beginning)
                path.unlink()
            else:
                path.rename(kept)  # which needs no room, and works for what is no file
        except OSError as error:
            self._left[_identity(path, status)] = LEFT
            log.warning("inbox: %s (left where it is: %s)", reason, legible(str(error)))
            return
        log.warning("inbox: %s (moved to %s)", reason, self._rejected)
        with self.item(f"the reason why {legible(path.name)} was rejected"):
            replace_text(kept.with_suffix(".txt"), f"{reason}\n")

    def _place_for(self, name: str) -> Path:
        """A name in the folder of rejected requests that is free."""
        self._rejected.mkdir(exist_ok=True)
        stem = name.removesuffix(".json")
        number = 1
        while os.path.lexists(kept := self._rejected / f"{_numbered(stem, number)}.json"):
            number += 1
        return kept

    def _write(self, answer: Answer) -> None:
        self._answers.mkdir(exist_ok=True)
        replace_text(self._answers / f"{answer.id}.json", json.dumps(asdict(answer)) + "\n")

    def _forget_old(self) -> None:
        for path in self._answers.iterdir():
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _KEEP_S:
                    path.unlink()


def _identity(path: Path, status: os.stat_result) -> tuple[object, ...]:
    """What a file is known by until it is written anew."""
    return (path.name, status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)


def _numbered(stem: str, number: int) -> str:
    return stem if number == 1 else f"{stem}-{number}"
