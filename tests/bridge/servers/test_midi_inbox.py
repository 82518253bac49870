"""What waits for the MIDI thread is bounded, each kind in its own way."""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from mula_bridge.control.messages.origin import Origin
from mula_bridge.control.messages.reports import Failed, KnobChanged
from mula_bridge.errors import Busy
from mula_bridge.midi.backlog import HEARD_LIMIT, Said
from mula_bridge.servers.midi import report_key
from mula_bridge.servers.midi_inbox import REPORTS, WORDS, MidiInbox


def said(number: int) -> Said:
    return Said("Box", bytes((0xB0, number % 120, 1)), number)


def everything(inbox: MidiInbox[str, str]) -> list[Said | str]:
    found = []
    while (item := inbox.take(0)) is not None:
        found.append(item)
    return found


def test_messages_are_bounded_and_the_oldest_go() -> None:
    inbox: MidiInbox[str, str] = MidiInbox()
    for number in range(HEARD_LIMIT + 10):
        inbox.hear(said(number))
    assert everything(inbox) == [said(number) for number in range(10, HEARD_LIMIT + 10)]


def test_reports_are_bounded_and_the_newest_of_a_kind_waits() -> None:
    inbox: MidiInbox[str, str] = MidiInbox()
    inbox.report("cfg", "cfg 1")
    inbox.report("bpm", "bpm 1")
    inbox.report("cfg", "cfg 2")
    assert everything(inbox) == ["cfg 2", "bpm 1"]
    for number in range(REPORTS + 5):
        inbox.report(number, str(number))
    assert everything(inbox) == [str(number) for number in range(5, REPORTS + 5)]


def test_whoever_moves_a_knob_its_newest_value_is_told_last() -> None:
    inbox: MidiInbox[str, str] = MidiInbox()
    hands = [Origin("midi", "left"), Origin("midi", "right"), Origin("midi", "left")]
    for value, hand in enumerate(hands):
        report = KnobChanged("cfg", float(value), 0.0)
        inbox.report(report_key(report, hand), f"cfg {value}")
    assert everything(inbox) == ["cfg 2"]


def test_a_refusal_is_told_to_each_hand_that_it_concerns() -> None:
    refused = Failed("cfg", "busy", "wait")
    keys = {report_key(refused, Origin("midi", hand)) for hand in ("left", "right")}
    assert len(keys) == 2


def test_words_are_bounded_and_refused() -> None:
    inbox: MidiInbox[str, str] = MidiInbox()
    for _ in range(WORDS):
        inbox.add("learn")
    with pytest.raises(Busy, match="the MIDI ports are busy"):
        inbox.add("learn")
    inbox.add("mapping", always=True)
    assert everything(inbox) == ["learn"] * WORDS + ["mapping"]
    inbox.add("learn")


def test_words_keep_their_place_between_messages() -> None:
    inbox: MidiInbox[str, str] = MidiInbox()
    inbox.hear(said(0))
    inbox.add("mapping")
    inbox.hear(said(1))
    assert everything(inbox) == [said(0), "mapping", said(1)]


def test_neither_reports_nor_messages_starve_the_others() -> None:
    inbox: MidiInbox[str, str] = MidiInbox()
    for number in range(3):
        inbox.hear(said(number))
        inbox.report(number, str(number))
    kinds = [type(item) for item in everything(inbox)]
    assert sorted(kinds[:2], key=str) == sorted(kinds[2:4], key=str) == [Said, str]


def test_who_waits_is_woken() -> None:
    inbox: MidiInbox[str, str] = MidiInbox()
    began = monotonic()
    threading.Timer(0.02, inbox.wake).start()
    assert inbox.take(5) is None
    threading.Timer(0.02, inbox.hear, [said(1)]).start()
    assert inbox.take(5) == said(1)
    assert monotonic() - began < 4
