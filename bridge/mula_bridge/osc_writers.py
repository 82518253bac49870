"""What each report becomes on the wire: Report to arguments. Pure.

The functions of ``write`` in the address table. Each yields, per message, the word
that stands for NAME in the address ("" where there is none) and the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from mula_bridge.knobs import FRAME_KNOBS, KNOBS
from mula_bridge.messages import (
    AudioReport,
    ClipReady,
    EngineChanged,
    Failed,
    FrameReport,
    JobChanged,
    KnobChanged,
    KnobLearnt,
    LyricsChanged,
    PresetSaved,
    Progress,
    Prompt,
    StatusReport,
    TagsChanged,
)
from mula_bridge.osc_arguments import Args
from mula_bridge.osc_pattern import MAX_LENGTH, is_pattern

Messages = Iterable[tuple[str, Args]]
Writer = Callable[[Any], Messages]

SILENCE_DBFS: Final = -120.0
"""Sent for a peak of minus infinity, which OSC arguments of ours never are."""
MAX_ERROR_TEXT: Final = 500


def knob(report: KnobChanged) -> Messages:
    return [(report.name, (report.value,))]


def norm(report: KnobChanged) -> Messages:
    return [(report.name, (report.norm,))]


def tags(prompt: Prompt) -> Writer:
    def write(report: TagsChanged) -> Messages:
        # No argument would be a question; one empty text is what clears.
        return [("", report.tags or ("",))] if report.prompt is prompt else []

    return write


def tag_switches(report: TagsChanged) -> Messages:
    if report.prompt is Prompt.B:
        return []
    return [(name, (1,)) for tag in report.tags if (name := tag_name(tag))]


def tag_name(tag: str) -> str:
    """A tag as a part of an address; empty when it cannot be one."""
    name = tag.replace(" ", "_")
    return "" if is_pattern(name) or any(sign in name for sign in "#,/\0") else name


def lyrics(report: LyricsChanged) -> Messages:
    return [("", (report.text,))]


def preset(report: PresetSaved) -> Messages:
    return [("", (report.name,))]


def learnt(report: KnobLearnt) -> Messages:
    return [("", (report.name, report.source))]


def job(report: JobChanged) -> Messages:
    reason = (report.reason,) if report.reason else ()
    return [("", (report.id, str(report.state), *reason))]


def progress(report: Progress) -> Messages:
    return [("", (report.id, float(report.fraction)))]


def clip(report: ClipReady) -> Messages:
    tempo, seconds = float(report.bpm), float(report.seconds)
    return [("", (report.id, report.path, tempo, report.bars, report.seed, seconds, report.job))]


def engine(report: EngineChanged) -> Messages:
    return [("", (str(report.state), report.detail))]


def status(report: StatusReport) -> Messages:
    counts = (report.queued, report.clips, report.underruns)
    return [("", (report.engine, str(report.state), report.running, *counts))]


def frame(report: FrameReport) -> Messages:
    rows = (KNOBS[name] for name in FRAME_KNOBS)
    values = [row.coerce(report.knobs.get(row.name, row.default)) for row in rows]
    return [("", (report.job, report.index, report.total, *values))]


def audio(report: AudioReport) -> Messages:
    return [("", (max(SILENCE_DBFS, float(report.peak_dbfs)), report.underruns))]


def failed(report: Failed) -> Messages:
    return [("", (report.address[:MAX_LENGTH], report.code, report.text[:MAX_ERROR_TEXT]))]
