"""A TouchOSC layout, generated from the tables: faders, buttons and labels that are wired.

A .tosc file is one zlib stream of XML: ``<lexml version="3">`` holds a group, whose frame is
the size of the canvas; every control below it has typed properties, values and OSC messages.
(Hexler's manual describes controls, values and messages; the element names are those of files
that TouchOSC writes.) Faders send and hear ``/mula/norm/NAME``, so that feedback comes back to
the control that is meant.
"""

from __future__ import annotations

import os
import uuid
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from mula_bridge.control import KNOBS, Effect

WIDTH: Final = 1024
HEIGHT: Final = 768
_GAP: Final = 12
_CONNECTIONS: Final = "1111111111"
_EAST: Final = 1
_MOMENTARY: Final = 0
_TOGGLE: Final = 2  # switches when it is pressed
_CENTRED: Final = 2
# Names of the controls in the file keep their ids from one generation to the next.
_NAMESPACE: Final = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")

_ACTIONS: Final = ("generate", "more", "cancel", "stop", "panic")
_DECK: Final = ("prev", "play", "next", "keep", "reject", "undo", "ab")
_SWITCHES: Final = ("/mula/audition/loop", "/mula/audition/favourite", "/mula/live")
"""Switched here or elsewhere; the others are pressed."""
Argument = tuple[str, str, str]
"""``VALUE`` or ``CONSTANT``; the conversion; the value's name or the constant."""


class Rectangle(NamedTuple):
    """Where a control is, in pixels of the canvas."""

    x: int
    y: int
    w: int
    h: int


class Colour(NamedTuple):
    """Red, green, blue and alpha, 0..1."""

    r: float
    g: float
    b: float
    a: float = 1.0


_ORANGE, _BLUE = Colour(1.0, 0.54, 0.3), Colour(0.36, 0.62, 0.95)
_GREY, _GREEN, _RED = Colour(0.45, 0.47, 0.52), Colour(0.25, 0.72, 0.5), Colour(0.9, 0.25, 0.22)
_COLOURS: Final = {"generate": _ORANGE, "panic": _RED, "keep": _GREEN, "reject": _RED}
_INK, _BACK, _CLEAR = Colour(0.93, 0.92, 0.9), Colour(0.07, 0.08, 0.09), Colour(0, 0, 0, 0)


def write_layout(path: str | os.PathLike[str], presets: Sequence[str] = ()) -> None:
    """Write the layout, with a button for each of up to eight presets. Raises OSError."""
    Path(path).write_bytes(layout(presets))


def layout(presets: Sequence[str] = ()) -> bytes:
    """The bytes of a .tosc file; the same for the same tables and presets."""
    root = ET.Element("lexml", version="3")
    group = _node("GROUP", "mulabridge", Rectangle(0, 0, WIDTH, HEIGHT), _BACK, background=True)
    children = ET.SubElement(group, "children")
    children.extend(_controls(presets))
    root.append(group)
    # The declaration has to say UTF-8 in capitals; ElementTree writes it as it is given.
    return zlib.compress(ET.tostring(root, encoding="UTF-8", xml_declaration=True), 9)


def _controls(presets: Sequence[str]) -> list[ET.Element]:
    made: list[ET.Element] = []
    row = 40
    top = _GAP + row + _GAP
    # Above: the engine, the job, and how far it is.
    made += [
        _label("engine", Rectangle(_GAP, _GAP, 240, row), "/mula/engine", _GREEN, skip=0),
        _label("engine detail", Rectangle(260, _GAP, 300, row), "/mula/engine", _INK, skip=1),
        _label("job", Rectangle(572, _GAP, 210, row), "/mula/job", _INK, skip=1),
        _meter("progress", Rectangle(794, _GAP, WIDTH - 794 - _GAP, row), "/mula/progress"),
    ]
    # In the middle: one fader for each knob, genre_strength over twice the width.
    names = ("genre_strength", *_live(), "morph", "takes", "bars")
    unit = (WIDTH - _GAP) // (len(names) + 1)
    x, height = _GAP, 340
    for name in names:
        width = (2 * unit if name == "genre_strength" else unit) - _GAP
        made += _fader(name, Rectangle(x, top, width, height))
        x += width + _GAP
    # Below: the audition deck, what is done, and presets.
    below = top + height + _GAP
    made += _deck_labels(below, row)
    made += _buttons(below + row + _GAP, presets)
    return made


def _deck_labels(y: int, height: int) -> list[ET.Element]:
    """Which clip is on the deck, its place among the others, and what it does."""
    shown = (
        ("deck state", "/mula/audition/state", 1, 150, _GREEN),
        ("deck number", "/mula/audition/clip", 1, 60, _INK),
        ("deck count", "/mula/audition/clip", 2, 60, _GREY),
        ("deck tags", "/mula/audition/clip", 3, 400, _INK),
        ("deck status", "/mula/audition/clip", 8, 130, _BLUE),
        ("deck quantum", "/mula/audition/quantise", 0, 128, _GREY),
    )
    made, x = [], _GAP
    for name, address, skip, width, colour in shown:
        made.append(_label(name, Rectangle(x, y, width, height), address, colour, skip=skip))
        x += width + _GAP
    return made


def _live() -> list[str]:
    named = ("genre_strength", "morph")
    return [
        knob.name
        for knob in KNOBS.values()
        if knob.effect is Effect.FRAME and knob.name not in named
    ]


def _fader(name: str, frame: Rectangle) -> list[ET.Element]:
    knob = KNOBS[name]
    colour = {"genre_strength": _ORANGE, "morph": _BLUE}.get(name, _GREY)
    x, y, w, h = frame
    # relative: a touch beside the cursor does not jump
    look = {"bar": True, "cursor": True, "response": 1}
    start = f"{knob.to_norm(knob.default):.6g}"
    fader = _node("FADER", name, Rectangle(x, y + 36, w, h - 72), colour, look, start)
    _osc(fader, f"/mula/norm/{name}", [("VALUE", "FLOAT", "x")], trigger="ANY", receive=True)
    below = Rectangle(x, y + h - 32, w, 32)
    value = _label(f"{name} value", below, f"/mula/knob/{name}", _INK, skip=0)
    title = _caption(f"{name} title", Rectangle(x, y, w, 32), name.replace("_", " "))
    return [fader, title, value]


def _buttons(y: int, presets: Sequence[str]) -> list[ET.Element]:
    """Rows of equal buttons from ``y`` down to the edge of the canvas."""
    deck = [*(f"/mula/audition/{name}" for name in _DECK), *_SWITCHES]
    rows = [[(path.rpartition("/")[2], path) for path in deck],
            [(name, f"/mula/{name}") for name in _ACTIONS],
            [(name, "/mula/preset/load") for name in presets[:8]]]  # fmt: skip
    height = (HEIGHT - y) // len(rows) - _GAP
    made: list[ET.Element] = []
    for number, row in enumerate(rows):
        width = (WIDTH - _GAP) // max(1, len(row)) - _GAP
        for index, (text, address) in enumerate(row):
            top = y + number * (height + _GAP)
            frame = Rectangle(_GAP + index * (width + _GAP), top, width, height)
            loads = address == "/mula/preset/load"
            name = f"preset {text}" if loads else text
            if address in _SWITCHES:
                made.append(_switch(name, frame, address))
            elif loads:
                made.append(_button(name, frame, _BLUE, address, ("CONSTANT", "STRING", text)))
            else:
                colour = _COLOURS.get(text, _GREY)
                made.append(_button(name, frame, colour, address, ("VALUE", "FLOAT", "x")))
            made.append(_caption(f"{name} label", frame, text))
    return made


def _switch(name: str, frame: Rectangle, address: str) -> ET.Element:
    """A button that stays down, and follows what is switched elsewhere."""
    switch = _node("BUTTON", name, frame, _BLUE, {"buttonType": _TOGGLE})
    _osc(switch, address, [("VALUE", "INTEGER", "x")], trigger="ANY", receive=True)
    return switch


def _button(
    name: str, frame: Rectangle, colour: Colour, address: str, argument: Argument
) -> ET.Element:
    look = {"buttonType": _MOMENTARY, "press": True, "release": True}
    button = _node("BUTTON", name, frame, colour, look)
    _osc(button, address, [argument], trigger="RISE", receive=False)
    return button


def _meter(name: str, frame: Rectangle, address: str) -> ET.Element:
    """A fader that only shows the second argument of what it hears."""
    look = {"orientation": _EAST, "bar": True, "cursor": False}
    meter = _node("FADER", name, frame, _GREEN, look, interactive=False)
    _osc(meter, address, [("CONSTANT", "STRING", ""), ("VALUE", "FLOAT", "x")], receive=True)
    return meter


def _label(name: str, frame: Rectangle, address: str, colour: Colour, *, skip: int) -> ET.Element:
    """A text that shows the argument after the first ``skip`` of what it hears."""
    label = _caption(name, frame, "", colour)
    skipped: list[Argument] = [("CONSTANT", "STRING", "")] * skip
    _osc(label, address, [*skipped, ("VALUE", "STRING", "text")], receive=True)
    return label


def _caption(name: str, frame: Rectangle, text: str, colour: Colour = _INK) -> ET.Element:
    look = {
        "outline": False, "textColor": colour, "textSize": 18, "textAlignH": _CENTRED,
        "textAlignV": _CENTRED, "textLength": 0, "textClip": True,
    }  # fmt: skip
    return _node("LABEL", name, frame, _CLEAR, look, text, background=False, interactive=False)


# --- the file's elements ----------------------------------------------------------------------


def _node(
    kind: str,
    name: str,
    frame: Rectangle,
    colour: Colour,
    look: Mapping[str, object] = MappingProxyType({}),
    start: str = "0",
    *,
    background: bool = True,
    interactive: bool = True,
) -> ET.Element:
    """A control; ``look`` are properties of its kind, ``start`` is its value in a fresh layout."""
    node = ET.Element("node", ID=str(uuid.uuid5(_NAMESPACE, f"mulabridge/{name}")), type=kind)
    properties, values, _ = (
        ET.SubElement(node, part) for part in ("properties", "values", "messages")
    )
    common = {
        "name": name, "frame": frame, "color": colour, "background": background,
        "interactive": interactive, "visible": True, "locked": False, "cornerRadius": 2.0,
    }  # fmt: skip
    for key, value in {**common, **look}.items():
        _property(properties, key, value)
    own = {"GROUP": {}, "LABEL": {"text": start}}.get(kind, {"x": start})
    for key, default in {"touch": "false", **own}.items():
        _element(values, "value", key=key, locked="0", lockedDefaultCurrent="0", default=default,
                 defaultPull="0")  # fmt: skip
    return node


def _property(properties: ET.Element, key: str, value: object) -> None:
    kinds = {bool: "b", int: "i", float: "f", str: "s", Colour: "c", Rectangle: "r"}
    made = ET.SubElement(properties, "property", type=kinds[type(value)])
    ET.SubElement(made, "key").text = key
    if isinstance(value, Colour | Rectangle):
        _element(made, "value", **{name: f"{one:g}" for name, one in value._asdict().items()})
    else:
        text = str(int(value)) if isinstance(value, bool) else str(value)
        ET.SubElement(made, "value").text = text


def _osc(
    node: ET.Element,
    address: str,
    arguments: Sequence[Argument],
    *,
    trigger: str = "",
    receive: bool,
) -> None:
    """``trigger``: the change of ``x`` that sends (ANY, RISE); empty: never."""
    messages = node.find("messages")
    assert messages is not None
    made = _element(messages, "osc", enabled="1", send="1" if trigger else "0",
                    receive="1" if receive else "0", feedback="0",
                    connections=_CONNECTIONS)  # fmt: skip
    triggers = ET.SubElement(made, "triggers")
    if trigger:
        _element(triggers, "trigger", var="x", condition=trigger)
    path: Argument = ("CONSTANT", "STRING", address)
    for name, listed in (("path", [path]), ("arguments", arguments)):
        part = ET.SubElement(made, name)
        for kind, conversion, value in listed:
            _element(part, "partial", type=kind, conversion=conversion, value=value, scaleMin="0",
                     scaleMax="1")  # fmt: skip


def _element(parent: ET.Element, tag: str, **texts: str) -> ET.Element:
    """An element below ``parent`` that holds an element for each of ``texts``."""
    made = ET.SubElement(parent, tag)
    for name, text in texts.items():
        ET.SubElement(made, name).text = text
    return made
