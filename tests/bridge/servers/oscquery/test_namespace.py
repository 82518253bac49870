"""The OSCQuery namespace, without a server."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mula_bridge import __version__
from mula_bridge.api import addresses
from mula_bridge.control.knobs import KNOBS
from mula_bridge.control.messages.reports import (
    Failed,
    JobChanged,
    KnobChanged,
    LyricsChanged,
    Progress,
    TagsChanged,
)
from mula_bridge.control.messages.states import JobState, Prompt
from mula_bridge.servers.oscquery.namespace import EXTENSIONS, Namespace, host_info
from mula_bridge.servers.oscquery.nodes import Access

EMPTY = Namespace()


@pytest.fixture
def namespace() -> Namespace:
    return Namespace(("paper-default", "aggressive"))


def test_every_concrete_address_is_in_the_tree(namespace: Namespace) -> None:
    tree = namespace.describe()
    for address, row, _ in addresses.concrete():
        node = tree
        for part in address.split("/")[1:]:
            node = node["CONTENTS"][part]
        assert node["FULL_PATH"] == address
        assert row.description in node["DESCRIPTION"]
        assert node["TYPE"]


def test_arrays_have_an_entry_for_each_type_tag(namespace: Namespace) -> None:
    for report in (
        TagsChanged(("techno", "dark")),
        TagsChanged((), Prompt.B),
        JobChanged("j", JobState.RUNNING),
        Progress("j", 0.5),
        LyricsChanged("two\nlines"),
    ):
        namespace.take(report)
    for path, node in namespace.nodes.items():
        found = namespace.describe(path)
        for attribute in ("VALUE", "RANGE", "EXTENDED_TYPE"):
            assert len(found.get(attribute, node.type)) == len(node.type), path
        json.dumps(found, allow_nan=False)


def test_a_knob_says_what_it_is_and_what_it_takes(namespace: Namespace) -> None:
    namespace.take(KnobChanged("top_k", 40, 0.7))
    node = namespace.describe("/mula/knob/top_k")
    assert node["TYPE"] == "i"
    assert node["ACCESS"] == 3
    assert node["VALUE"] == [40]
    assert node["RANGE"] == [{"MIN": 1, "MAX": 250}]
    assert node["CLIPMODE"] == ["both"]
    assert node["TAGS"] == ["knob", "effect:frame"]
    assert set(node["CONTENTS"]) == {"delta", "reset"}
    assert namespace.describe("/mula/norm/top_k")["RANGE"] == [{"MIN": 0.0, "MAX": 1.0}]


def test_a_choice_lists_its_values_and_does_not_clip(namespace: Namespace) -> None:
    node = namespace.describe("/mula/knob/key")
    assert node["RANGE"] == [{"VALS": list(KNOBS["key"].choices)}]
    assert "CLIPMODE" not in node


def test_a_trigger_is_an_impulse_that_must_arrive(namespace: Namespace) -> None:
    node = namespace.describe("/mula/generate")
    assert (node["TYPE"], node["ACCESS"], node["CRITICAL"]) == ("I", 2, True)
    assert node["OVERLOADS"] == [{"TYPE": "s"}]
    load = namespace.describe("/mula/preset/load")
    assert load["RANGE"] == [{"VALS": ["paper-default", "aggressive"]}]
    assert load["OVERLOADS"] == [{"TYPE": "i"}]


def test_reports_are_read_only(namespace: Namespace) -> None:
    assert namespace.nodes["/mula/status"].access is Access.READ
    assert namespace.describe("/mula/progress")["RANGE"] == [None, {"MIN": 0.0, "MAX": 1.0}]


def test_tags_are_one_text(namespace: Namespace) -> None:
    (change,) = namespace.take(TagsChanged(("techno", "dark")))
    assert change == ("/mula/tags", ("techno, dark",))
    assert addresses.decode(*change) == addresses.decode("/mula/tags", ("techno", "dark"))


def test_a_value_is_new_once(namespace: Namespace) -> None:
    report = KnobChanged("cfg", 3.0, 0.5)
    content = [("/mula/knob/cfg", (3.0,)), ("/mula/norm/cfg", (0.5,))]
    assert namespace.encode(report) == content
    assert namespace.take(report) == content
    assert namespace.take(report) == []
    assert namespace.encode(report) == content


def test_the_engine_narrows_ranges_and_gives_them_back(namespace: Namespace) -> None:
    path = "/mula/knob/top_k"
    assert namespace.limit({"top_k": (1, 64), "cfg": (-5, 99), "nonsense": (0, 1)}) == [path]
    assert namespace.describe(path)["RANGE"] == [{"MIN": 1, "MAX": 64}]
    assert namespace.limit({"top_k": (1, 64)}) == []
    assert namespace.limit({}) == [path]
    assert namespace.describe(path)["RANGE"] == [{"MIN": 1, "MAX": 250}]


def test_one_attribute_can_be_asked_for(namespace: Namespace) -> None:
    namespace.take(KnobChanged("cfg", 3.0, 0.5))
    assert namespace.answer("/mula/knob/cfg", "VALUE") == (200, {"VALUE": [3.0]})
    assert namespace.answer("/mula/knob/cfg/", "TYPE") == (200, {"TYPE": "f"})
    assert namespace.answer("/mula/version", "VALUE") == (200, {"VALUE": [__version__]})
    assert namespace.answer("/mula", "TYPE") == (200, {})
    status, body = namespace.answer("/mula/knob", "CONTENTS")
    assert status == 200 and body is not None and set(body["CONTENTS"]) == set(KNOBS)


def test_what_cannot_be_answered_has_the_status_of_the_proposal(namespace: Namespace) -> None:
    assert namespace.answer("/mula/generate", "VALUE") == (204, None)
    assert namespace.answer("/mula/knob/cfg", "COLOUR") == (400, None)
    assert namespace.answer("/mula/nothing") == (404, None)
    assert namespace.answer("/mula/knob/cfg", "VALUE") == (200, {})  # none is known yet


@given(st.lists(st.sampled_from(["", "mula", "knob", "cfg", "reset", "..", "%", "\0"])),
       st.sampled_from(["", "VALUE", "CONTENTS", "RANGE", "\x7f"]))  # fmt: skip
def test_any_path_has_an_answer(parts: list[str], query: str) -> None:
    status, body = EMPTY.answer("/" + "/".join(parts), query)
    assert status in (200, 204, 400, 404)
    assert (body is not None) == (status == 200)


def test_failures_are_kept_as_the_last_error(namespace: Namespace) -> None:
    namespace.take(Failed("", "audio", "the cable is out"))
    assert namespace.describe("/mula/error")["VALUE"] == ["", "audio", "the cable is out"]


def test_presets_that_can_be_loaded_may_change() -> None:
    namespace = Namespace(["soft"])
    changed = namespace.offer(["soft", "mine"])
    assert "/mula/preset/load" in changed
    assert namespace.describe("/mula/preset/load")["RANGE"] == [{"VALS": ["soft", "mine"]}]
    assert namespace.offer(["soft", "mine"]) == []


def test_host_info_leaves_out_an_address_nobody_can_send_to() -> None:
    info = host_info("x", ("0.0.0.0", 7770), ("192.0.2.1", 7772))
    assert "OSC_IP" not in info
    assert (info["OSC_PORT"], info["OSC_TRANSPORT"]) == (7770, "UDP")
    assert (info["WS_IP"], info["WS_PORT"]) == ("192.0.2.1", 7772)
    assert info["EXTENSIONS"] == dict.fromkeys(EXTENSIONS, True)
    assert "OSC_PORT" not in host_info("x", None, ("127.0.0.1", 1))
