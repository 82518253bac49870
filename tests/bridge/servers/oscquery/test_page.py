"""The page, as HTML."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from html.parser import HTMLParser

import pytest

from mula_bridge.control.knobs import KNOBS
from mula_bridge.control.messages.reports import (
    EngineChanged,
    KnobChanged,
    LyricsChanged,
    ServiceChanged,
    TagsChanged,
)
from mula_bridge.control.messages.states import EngineState, ServiceState
from mula_bridge.servers.oscquery.namespace import Namespace
from mula_bridge.servers.oscquery.nodes import Access
from mula_bridge.servers.oscquery.page import CONTENT_SECURITY_POLICY, SCRIPT, STYLE, page

VOID = {"meta", "input", "link", "br"}
OPTIONAL = {"tr", "td", "th", "option"}
EVIL = "</textarea><script>alert(1)</script>\"' onload='x"


class Reader(HTMLParser):
    """Collects tags and text, and whether they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID | OPTIONAL:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in OPTIONAL:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)

    def values(self, attribute: str) -> set[str]:
        return {found for _, attrs in self.tags if (found := attrs.get(attribute))}


@pytest.fixture
def namespace() -> Namespace:
    return Namespace(("paper-default", EVIL))


def test_every_address_is_there_with_its_description(namespace: Namespace) -> None:
    reader = Reader(page(namespace, "mulabridge"))
    assert reader.open == []
    text = "".join(reader.text)
    for node in namespace.nodes.values():
        if node.access is not Access.NOTHING:
            assert node.path in text
            assert node.description in text


def test_every_knob_can_be_moved_and_shows_its_value(namespace: Namespace) -> None:
    for row in KNOBS.values():
        namespace.take(KnobChanged(row.name, row.default, row.to_norm(row.default)))
    reader = Reader(page(namespace, "mulabridge"))
    moved = reader.values("data-norm") | reader.values("data-set")
    for name in KNOBS:
        assert moved & {f"/mula/norm/{name}", f"/mula/knob/{name}"}
        assert f"/mula/knob/{name}" in reader.values("data-value")
    for address in moved | reader.values("data-send") | reader.values("data-value"):
        assert address in namespace.nodes
    ids = [attrs["id"] for _, attrs in reader.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert reader.values("for") <= set(ids)


def test_what_comes_from_outside_is_escaped(namespace: Namespace) -> None:
    plain = Reader(page(namespace, "mulabridge"))
    namespace.take(TagsChanged((EVIL, "techno")))
    namespace.take(LyricsChanged(EVIL))
    namespace.take(EngineChanged(EngineState.FAILED, EVIL))
    evil = Reader(page(namespace, EVIL))
    assert evil.open == []
    assert [tag for tag, _ in evil.tags] == [tag for tag, _ in plain.tags]
    assert not {name for _, attrs in evil.tags for name in attrs if name.startswith("on")}
    assert f"{EVIL}, techno" in evil.values("value")


def test_nothing_is_fetched_from_elsewhere(namespace: Namespace) -> None:
    text = page(namespace, "mulabridge")
    assert not re.search(r"https?://|@import|url\(", text)
    assert not Reader(text).values("src")


def test_only_our_script_and_style_may_run(namespace: Namespace) -> None:
    for part in (SCRIPT, STYLE):
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in CONTENT_SECURITY_POLICY
        assert part in page(namespace, "mulabridge")
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert not Reader(page(namespace, "mulabridge")).values("style")


def test_it_fits_a_phone_and_a_dark_room() -> None:
    assert "width=device-width" in page(Namespace(), "x")
    assert "prefers-color-scheme:dark" in STYLE


@pytest.mark.parametrize(
    ("state", "shown"),
    [(ServiceState.WELL, ""), (ServiceState.DEAD, "midi dead 6 <b>a bug</b>")],
    ids=["well", "dead"],
)
def test_a_part_of_the_daemon_that_is_not_well_is_shown(
    namespace: Namespace, state: ServiceState, shown: str
) -> None:
    namespace.take(ServiceChanged("midi", state, 6, "<b>a bug</b>"))
    text = page(namespace, "mula")
    (attrs,) = [attrs for _, attrs in Reader(text).tags if attrs.get("id") == "services"]
    assert ("hidden" in attrs) == (not shown)
    assert f">{escape(shown)}</p>" in text
