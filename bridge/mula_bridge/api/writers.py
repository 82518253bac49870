"""What each report becomes on the wire: Report to arguments. Pure.

The functions of ``write`` in the address table. Each yields, per message, the word
that stands for NAME in the address ("" where there is none) and the arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from mula_bridge.control import FRAME_KNOBS, KNOBS, quantum_text
from mula_bridge.control.messages import (
    AudioDevice,
    AudioReport,
    AuditionSettings,
    AuditionState,
    Beat,
    ClipJudged,
    ClipReady,
    ClockChanged,
    DeckChanged,
    EngineChanged,
    Failed,
    FrameReport,
    Heard,
    JobChanged,
    KnobChanged,
    KnobLearnt,
    LiveChanged,
    LyricsChanged,
    Notice,
    PresetSaved,
    PresetsChanged,
    Progress,
    Prompt,
    ServiceChanged,
    StatusReport,
    TagsChanged,
)
from mula_bridge.osc import MAX_LENGTH, Args, is_pattern

Messages = Iterable[tuple[str, Args]]
Writer = Callable[[Any], Messages]

SILENCE_DBFS: Final = -120.0
"""Sent for a peak of minus infinity, which OSC arguments of ours never are."""
MAX_ERROR_TEXT: Final = 500
"""Characters of any sentence that is sent: what a library says when it fails may have no end."""
MAX_NAMES: Final = 60_000
"""Bytes of all names in one message."""


def knob(report: KnobChanged) -> Messages:
    return [(report.name, (report.value,))]


def norm(report: KnobChanged) -> Messages:
    return [(report.name, (report.norm,))]


def bpm(report: KnobChanged) -> Messages:
    return [("", (report.value,))] if report.name == "bpm" else []


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


def presets(report: PresetsChanged) -> Messages:
    names, room = [], MAX_NAMES
    for name in report.names:
        room -= len(name.encode(errors="backslashreplace")) + 5  # its end, padding and type
        if room < 0:
            break
        names.append(name)
    return [("", tuple(names) or ("",))]


def learnt(report: KnobLearnt) -> Messages:
    return [("", (report.name, report.source))]


def job(report: JobChanged) -> Messages:
    reason = (report.reason[:MAX_ERROR_TEXT],) if report.reason else ()
    return [("", (report.id, str(report.state), *reason))]


def progress(report: Progress) -> Messages:
    return [("", (report.id, float(report.fraction)))]


def clip(report: ClipReady) -> Messages:
    tempo, seconds = float(report.bpm), float(report.seconds)
    return [("", (report.id, report.path, tempo, report.bars, report.seed, seconds, report.job))]


def audition_state(report: AuditionState) -> Messages:
    switches = (int(report.loop), int(report.in_tempo))
    place = (float(report.beat), report.beats)
    return [("", (report.clip, str(report.playing), *place, *switches))]


def deck(report: DeckChanged) -> Messages:
    place = (report.clip, report.number, report.count)
    recipe = (report.tags, float(report.bpm), report.bars, report.seed, report.take)
    marks = (str(report.status), int(report.favourite), int(report.writing))
    return [("", (*place, *recipe, *marks))]


def favourite(report: DeckChanged) -> Messages:
    return [("", (int(report.favourite), report.clip))]


def audition_loop(report: AuditionSettings) -> Messages:
    return [("", (int(report.loop),))]


def audition_follow(report: AuditionSettings) -> Messages:
    return [("", (int(report.follow),))]


def audition_advance(report: AuditionSettings) -> Messages:
    return [("", (int(report.advance),))]


def audition_quantise(report: AuditionSettings) -> Messages:
    return [("", (quantum_text(report.quantise),))]


def audition_gain(report: AuditionSettings) -> Messages:
    return [("", (float(report.gain_db),))]


def judged(report: ClipJudged) -> Messages:
    return [("", (report.id, str(report.status), int(report.favourite), report.path))]


def engine(report: EngineChanged) -> Messages:
    return [("", (str(report.state), report.detail[:MAX_ERROR_TEXT]))]


def status(report: StatusReport) -> Messages:
    counts = (report.queued, report.clips, report.underruns)
    return [("", (report.engine, str(report.state), report.running, *counts))]


def service(report: ServiceChanged) -> Messages:
    detail = report.detail[:MAX_ERROR_TEXT]
    return [("", (report.name, str(report.state), report.faults, detail))]


def frame(report: FrameReport) -> Messages:
    rows = (KNOBS[name] for name in FRAME_KNOBS)
    values = [row.coerce(report.knobs.get(row.name, row.default)) for row in rows]
    return [("", (report.job, report.index, report.total, *values))]


def audio(report: AudioReport) -> Messages:
    return [("", (max(SILENCE_DBFS, float(report.peak_dbfs)), report.underruns))]


def beat(report: Beat) -> Messages:
    state = (float(report.bpm), int(report.playing), float(report.late_ms))
    return [("", (report.bar, report.beat, *state))]


def clock(report: ClockChanged) -> Messages:
    state = (float(report.bpm), int(report.playing))
    return [("", (str(report.leader), *state, report.name))]


def clock_source(report: ClockChanged) -> Messages:
    return [("", (report.source,))]


def notice(report: Notice) -> Messages:
    return [("", (report.job, report.code, report.text[:MAX_ERROR_TEXT]))]


def audio_device(report: AudioDevice) -> Messages:
    detail = report.detail[:MAX_ERROR_TEXT]
    facts = (report.name[:MAX_ERROR_TEXT], report.rate, float(report.latency_ms), detail)
    return [("", (str(report.state), *facts))]


def live(report: LiveChanged) -> Messages:
    reason = (report.reason[:MAX_ERROR_TEXT],) if report.reason else ()
    return [("", (int(report.on), *reason))]


def heard(report: Heard) -> Messages:
    value = KNOBS[report.name].coerce(report.value)
    return [("", (report.name, value, float(report.milliseconds), float(report.waited)))]


def failed(report: Failed) -> Messages:
    return [("", (report.address[:MAX_LENGTH], report.code, report.text[:MAX_ERROR_TEXT]))]
