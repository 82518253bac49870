"""What a running job has to say to the musician, short of failing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence about a job: ``code`` for programs, ``text`` for people."""

    job: str
    code: str
    text: str
