"""Address patterns: the specification, and the patterns that hang others."""

from __future__ import annotations

import fnmatch
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge.osc.pattern import MAX_LENGTH, Pattern, is_pattern
from mula_bridge.osc.wire import OscError


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("/mula/knob/cfg", "/mula/knob/cfg"),
        ("/mula/knob/*", "/mula/knob/cfg"),
        ("/mula/*/cfg", "/mula/norm/cfg"),
        ("/*/*/*", "/mula/knob/cfg"),
        ("/mula/knob/c?g", "/mula/knob/cfg"),
        ("/mula/knob/*_*", "/mula/knob/top_k"),
        ("/mula/knob/[a-c]*", "/mula/knob/bars"),
        ("/mula/knob/[xc]fg", "/mula/knob/cfg"),
        ("/mula/knob/[!a-b]fg", "/mula/knob/cfg"),
        ("/mula/knob/[a-]fg", "/mula/knob/-fg"),
        ("/mula/{knob,norm}/cfg", "/mula/norm/cfg"),
        ("/mula/{knob,norm}/{cfg,bpm}", "/mula/knob/bpm"),
        ("/mula/knob/{b,ba}{rs,r}", "/mula/knob/bars"),
        ("/mula/knob/cfg*", "/mula/knob/cfg"),
        ("/mula/knob/{,c}fg", "/mula/knob/fg"),
        ("//", "//"),
    ],
)
def test_matches(pattern: str, address: str) -> None:
    assert Pattern(pattern).matches(address)


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("/mula/knob/cfg", "/mula/knob/cfg/reset"),
        ("/mula/*", "/mula/knob/cfg"),
        ("/mula/knob?cfg", "/mula/knob/cfg"),
        ("/mula/knob[!x]cfg", "/mula/knob/cfg"),
        ("/mula/knob/??", "/mula/knob/cfg"),
        ("/mula/knob/????", "/mula/knob/cfg"),
        ("/mula/knob/[!c]fg", "/mula/knob/cfg"),
        ("/mula/knob/[d-z]fg", "/mula/knob/cfg"),
        ("/mula/{knob,norm}/cfg", "/mula/knobs/cfg"),
        ("/mula/knob/*x*", "/mula/knob/cfg"),
        ("/mula/knob/.*", "/mula/knob/cfg"),
        ("*", "/mula"),
        ("", "/"),
    ],
)
def test_does_not_match(pattern: str, address: str) -> None:
    assert not Pattern(pattern).matches(address)


@pytest.mark.parametrize("pattern", ["/[a", "/{a,b", "/a]", "/a}", "/[z-a]", "/[a-é]", "/{a/b}"])
def test_a_malformed_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(OscError):
        Pattern(pattern)


def test_at_most_256_characters() -> None:
    assert Pattern("/" + "a" * (MAX_LENGTH - 1)).matches("/" + "a" * (MAX_LENGTH - 1))
    with pytest.raises(OscError, match="256"):
        Pattern("/" + "*" * MAX_LENGTH)
    assert not Pattern("/*").matches("/" + "a" * MAX_LENGTH)


@pytest.mark.parametrize(
    "pattern",
    [
        "/" + "*" * 255,
        "/" + "*a" * 127,
        "/" + "*?" * 127,
        "/" + "a*" * 127,
        "/" + "[!-~]*" * 42,
        "/" + "{a,aa,aaa}*" * 22,
        "/" + "*{a,aa,}" * 31,
    ],
)
def test_no_pattern_takes_long(pattern: str) -> None:
    address = "/" + "a" * (MAX_LENGTH - 2) + "b"
    begun = thread_time()
    for _ in range(10):
        Pattern(pattern + "c" if len(pattern) < MAX_LENGTH else pattern).matches(address)
    assert (thread_time() - begun) / 10 < 0.05


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_stars_and_marks_mean_what_they_mean_in_a_shell(pattern: str, text: str) -> None:
    assert Pattern("/" + pattern).matches("/" + text) == fnmatch.fnmatchcase(text, pattern)


@given(st.text("ab*?[]{}!-,/é", max_size=20))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    try:
        Pattern(text).matches("/ab/ba")
    except OscError:
        assert is_pattern(text)
