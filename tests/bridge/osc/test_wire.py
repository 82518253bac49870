"""The strict decoder against the specification, python-osc, and garbage."""

from __future__ import annotations

import struct
from time import thread_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from mula_bridge.osc import wire
from mula_bridge.osc.wire import IMPULSE, Message, OscError, Value, decode, encode
from support.osc_packets import BAD, bundle

CFG = b"/mula/knob/cfg\0\0,f\0\0@ \0\0"


def nested(depth: int) -> bytes:
    packet = CFG
    for _ in range(depth):
        packet = bundle(packet)
    return packet


# --- the specification ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "value", "data"),
    [
        ("i", -2, b"\xff\xff\xff\xfe"),
        ("f", 2.5, b"\x40\x20\0\0"),
        ("s", "Hand", b"Hand\0\0\0\0"),
        ("s", "größe", "größe".encode() + b"\0"),
        ("S", "abc", b"abc\0"),
        ("b", b"12345", b"\0\0\0\x0512345\0\0\0"),
        ("b", b"", b"\0\0\0\0"),
        ("h", 2**40, b"\0\0\x01\0\0\0\0\0"),
        ("d", 0.1, struct.pack(">d", 0.1)),
        ("t", 2**64 - 1, b"\xff" * 8),
        ("c", "x", b"\0\0\0x"),
        ("r", b"\1\2\3\4", b"\1\2\3\4"),
        ("m", b"\0\x90<@", b"\0\x90<@"),
        ("T", True, b""),
        ("F", False, b""),
        ("N", None, b""),
        ("I", IMPULSE, b""),
    ],
)
def test_every_type_is_read_and_written_as_specified(tag: str, value: Value, data: bytes) -> None:
    packet = b"/a\0\0," + tag.encode() + b"\0\0" + data
    assert decode(packet) == [Message("/a", (value,), tag)]
    assert encode("/a", (value,), tag) == packet


def test_the_second_packet_of_a_kind_takes_the_short_way_to_the_same_result() -> None:
    packet = b"/short/way\0\0,ifhd\0\0\0" + struct.pack(">ifqd", 1, 2.5, 3, 4.0)
    message = Message("/short/way", (1, 2.5, 3, 4.0), "ifhd")
    assert decode(packet) == decode(packet) == [message]
    for short in (packet[:-4], packet + bytes(4), packet[:-8] + struct.pack(">d", float("nan"))):
        with pytest.raises(OscError):
            decode(short)


def test_types_are_chosen_for_plain_values() -> None:
    values = (1, 2**31, 0.5, "x", True, False, None, IMPULSE, b"raw")
    assert decode(encode("/a", values)) == [Message("/a", values, "ihfsTFNIb")]


def test_an_address_alone_is_a_message_without_arguments() -> None:
    assert decode(b"/go\0") == [Message("/go")]
    assert decode(b"/go\0,\0\0\0") == [Message("/go")]


def test_bundles_come_apart_in_order_with_the_nearest_time_tag() -> None:
    inner = bundle(CFG, time=99)
    messages = decode(bundle(encode("/a"), inner, encode("/b"), time=5))
    assert [(message.address, message.time) for message in messages] == [
        ("/a", 5),
        ("/mula/knob/cfg", 99),
        ("/b", 5),
    ]
    assert decode(bundle()) == []


def test_eight_bundles_may_nest_and_nine_may_not() -> None:
    assert decode(nested(wire.MAX_DEPTH)) == [Message("/mula/knob/cfg", (2.5,), "f")]
    for depth in (wire.MAX_DEPTH + 1, 500):
        with pytest.raises(OscError, match="deeper"):
            decode(nested(depth))


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0",
        b"\0\0\0\0",
        b"a\0\0\0",
        b"/a",
        b"/abc",
        b"/a\0\0,f\0\0",
        b"/a\0\0,f\0\0\0\0",
        b"/a\0\0,f\0\0\0\0\0\0\0\0\0\0",
        b"/a\0\0,ff\0@ \0\0",
        b"/a\0\0f\0\0\0@ \0\0",
        b"/a\0\0,x\0\0",
        b"/a\0\0,[f]\0\0\0\0@ \0\0",
        b"/a\0x,f\0\0@ \0\0",
        b"/a\0\0,f\0x@ \0\0",
        b"/a\0\0,f\0\0\x7f\x80\0\0",
        b"/a\0\0,f\0\0\xff\x80\0\0",
        b"/a\0\0,f\0\0\x7f\xc0\0\0",
        b"/a\0\0,d\0\0\x7f\xf8\0\0\0\0\0\0",
        b"/a\0\0,s\0\0abcd",
        b"/a\0\0,s\0\0\xff\xfe\0\0",
        b"/\xff\0\0,\0\0\0",
        b"/a\0\0,b\0\0\0\0\0\x08abcd",
        b"/a\0\0,b\0\0\xff\xff\xff\xff",
        b"/a\0\0,b\0\0\x7f\xff\xff\xffabcd",
        b"/a\0\0,c\0\0\0\0\x01\0",
        b"#bundle\0",
        b"#bundle\0\0\0\0\0",
        bundle() + b"\0\0\0\0",
        bundle() + b"\0\0\0\x04",
        bundle() + struct.pack(">i", 2**31 - 1) + CFG,
        bundle() + b"\0\0\0\x03/a\0\0",
        bundle(CFG)[:-4],
    ],
)
def test_broken_packets_are_refused(packet: bytes) -> None:
    with pytest.raises(OscError):
        decode(packet)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("depth", [0, 2])
def test_a_bad_message_spoils_nothing_but_itself(bad: bytes, depth: int) -> None:
    one, other = encode("/one", (1,)), encode("/other", (2.0,))
    for _ in range(depth):
        bad = bundle(encode("/beside"), bad, encode("/beside"))
    refused: list[OscError] = []
    messages = decode(bundle(one, bad, other), refused.append)
    kept = [message.address for message in messages if message.address != "/beside"]
    assert kept == ["/one", "/other"]
    assert len(messages) == 2 + 2 * depth
    (error,) = refused
    assert error.address.startswith("/mula/knob/cfg")


@pytest.mark.parametrize(
    ("bad", "address"),
    [
        (b"junk", ""),
        (b"/caf\xe9\0\0\0,\0\0\0", "/caf\\xe9"),
        (nested(9), ""),
        (b"#bundle\0\0\0\0\0", ""),
    ],
    ids=["no address", "address", "too deep", "bundle"],
)
def test_so_does_what_is_no_message(bad: bytes, address: str) -> None:
    refused: list[OscError] = []
    messages = decode(bundle(CFG, bad, CFG), refused.append)
    assert [message.address for message in messages] == ["/mula/knob/cfg"] * 2
    assert [error.address for error in refused] == [address]


@pytest.mark.parametrize("size", [-4, 0, 3, 10, 2**31 - 1])
def test_a_broken_length_ends_its_bundle_and_no_other(size: int) -> None:
    broken = bundle(encode("/before")) + struct.pack(">i", size) + encode("/after")
    refused: list[OscError] = []
    messages = decode(bundle(encode("/one"), broken, encode("/other")), refused.append)
    assert [message.address for message in messages] == ["/one", "/before", "/other"]
    assert [f"{size} bytes" in str(error) for error in refused] == [True]


def test_the_bundle_that_hangs_others_is_refused_at_once() -> None:
    packet = bundle() + struct.pack(">i", -4)
    assert len(packet) == 20
    begun = thread_time()
    with pytest.raises(OscError, match="-4 bytes"):
        decode(packet)
    assert thread_time() - begun < 0.1


@pytest.mark.parametrize(
    ("args", "tags"),
    [
        ((float("nan"),), None),
        ((float("inf"),), None),
        ((1e39,), None),
        ((2**63,), None),
        ((10**5000,), None),
        (("nul\0",), None),
        (("\ud800",), None),
        (([],), None),
        ((1.0,), "i"),
        (("x",), "f"),
        ((1,), "s"),
        ((b"abc",), "m"),
        ((None,), "T"),
        ((1, 2), "i"),
        ((1,), "["),
    ],
)
def test_what_osc_cannot_carry_is_not_sent(args: tuple[Value, ...], tags: str | None) -> None:
    with pytest.raises(OscError):
        encode("/a", args, tags)
    with pytest.raises(OscError):
        encode("no/slash")


def test_the_largest_datagram_fits_and_one_more_does_not() -> None:
    text = "x" * (wire.MAX_PACKET - 11)
    packet = encode("/a", (text[: len(text) // 4 * 4 - 1],))
    assert 65_500 < len(packet) <= wire.MAX_PACKET
    assert decode(packet)[0].args[0] == text[: len(text) // 4 * 4 - 1]
    with pytest.raises(OscError, match="fit"):
        encode("/a", ("x" * 65_536,))


def test_a_datagram_full_of_messages_is_taken_apart_quickly() -> None:
    packet = bundle(*[CFG] * (65_000 // (len(CFG) + 4)))
    begun = thread_time()
    assert len(decode(packet)) > 2000
    assert thread_time() - begun < 1.0


def test_ever_new_addresses_do_not_grow_the_cache() -> None:
    for index in range(3 * wire._LAYOUTS):
        decode(encode(f"/a/{index}", (1,)))
    assert len(wire._layouts) <= wire._LAYOUTS
    decode(encode("/" + "long" * 100, (1,)))
    assert all(len(head) <= wire._LAYOUT_HEAD for head in wire._layouts)


# --- anything at all --------------------------------------------------------------------------

ADDRESSES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
TYPED = st.one_of(
    st.tuples(st.just("i"), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.just("h"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("t"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("f"), FLOATS),
    st.tuples(st.just("d"), st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.sampled_from("sS"), TEXTS),
    st.tuples(st.just("b"), st.binary(max_size=30)),
    st.tuples(st.sampled_from("rm"), st.binary(min_size=4, max_size=4)),
    st.sampled_from([("T", True), ("F", False), ("N", None), ("I", IMPULSE)]),
)


def decode_or_refuse(packet: bytes) -> None:
    """Whatever comes, it is either taken or refused in the one way there is."""
    refused: list[OscError] = []
    messages = decode(packet, refused.append)
    assert all(message.address.startswith("/") for message in messages)
    try:
        assert decode(packet) == messages
        assert not refused
    except OscError as error:
        assert str(error) == str(refused[0])


@given(ADDRESSES, st.lists(TYPED, max_size=8))
def test_what_is_encoded_is_decoded(name: str, typed: list[tuple[str, Value]]) -> None:
    tags = "".join(tag for tag, _ in typed)
    args = tuple(value for _, value in typed)
    message = Message("/" + name, args, tags)
    packet = encode(*message[:3])
    assert decode(packet) == decode(packet) == [message]
    assert decode(bundle(packet, packet, time=7)) == [message._replace(time=7)] * 2


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_taken_or_refused(packet: bytes) -> None:
    decode_or_refuse(packet)
    decode_or_refuse(b"#bundle\0" + packet)
    decode_or_refuse(b"/a\0\0," + packet)


@settings(max_examples=300)
@given(st.data())
def test_mutated_packets_are_taken_or_refused(data: st.DataObject) -> None:
    typed = data.draw(st.lists(TYPED, max_size=5))
    packet = encode("/a/b", [value for _, value in typed], "".join(tag for tag, _ in typed))
    packet = bytearray(bundle(packet, bundle(packet)) if data.draw(st.booleans()) else packet)
    for _ in range(data.draw(st.integers(1, 4))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    decode_or_refuse(bytes(packet))
    decode_or_refuse(bytes(packet[: data.draw(st.integers(0, len(packet)))]))


# python-osc sends the least int32 as an int64; we need not.
@given(st.lists(st.one_of(FLOATS, st.integers(1 - 2**31, 2**31 - 1), TEXTS, st.booleans())))
def test_python_osc_agrees(values: list[float | int | str | bool]) -> None:
    builder = OscMessageBuilder(address="/mula/x")
    for value in values:
        builder.add_arg(value)
    theirs = builder.build().dgram
    assert encode("/mula/x", values) == theirs
    assert list(decode(theirs)[0].args) == OscMessage(theirs).params
