"""HOST_INFO and the texts of OSCQuery websockets."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from mula_bridge.errors import BadInput
from mula_bridge.servers.oscquery.messages import (
    EXTENSIONS,
    Verb,
    host_info,
    parse_wish,
    path_changed,
)


def test_host_info_leaves_out_an_address_nobody_can_send_to() -> None:
    info = host_info("x", ("0.0.0.0", 7770), ("192.0.2.1", 7772))
    assert "OSC_IP" not in info
    assert (info["OSC_PORT"], info["OSC_TRANSPORT"]) == (7770, "UDP")
    assert (info["WS_IP"], info["WS_PORT"]) == ("192.0.2.1", 7772)
    assert info["EXTENSIONS"] == dict.fromkeys(EXTENSIONS, True)
    assert "OSC_PORT" not in host_info("x", None, ("127.0.0.1", 1))


def test_listen_and_ignore_are_read() -> None:
    assert parse_wish('{"COMMAND": "LISTEN", "DATA": "/mula/tags/"}') == ("LISTEN", "/mula/tags")
    assert parse_wish('{"COMMAND": "IGNORE", "DATA": "/"}').verb is Verb.IGNORE
    assert json.loads(path_changed("/mula")) == {"COMMAND": "PATH_CHANGED", "DATA": "/mula"}


@settings(max_examples=40)
@given(st.one_of(st.text(), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["COMMAND", "DATA", "x"]), inner | st.sampled_from(["LISTEN", "IGNORE"])
    ),
).map(json.dumps)))  # fmt: skip
def test_any_text_is_a_wish_or_bad_input(text: str) -> None:
    try:
        assert parse_wish(text).verb in Verb
    except BadInput as error:
        assert "LISTEN" in str(error)
