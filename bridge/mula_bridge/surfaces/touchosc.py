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
from collections.abc import Sequence
from pathlib import Path
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


class _Button(NamedTuple):
    """What is written on a button, and what it sends."""

    text: str
    address: str
    sent: Argument
    colour: Colour


_ORANGE, _BLUE = Colour(1.0, 0.54, 0.3), Colour(0.36, 0.62, 0.95)
_GREY, _GREEN, _RED = Colour(0.45, 0.47, 0.52), Colour(0.25, 0.72, 0.5), Colour(0.9, 0.25, 0.22)
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
    fader = _node("FADER", name, Rectangle(frame.x, frame.y + 36, frame.w, frame.h - 72), colour)
    _property(fader, "bar", True)
    _property(fader, "cursor", True)
    _property(fader, "response", 1)  # relative: a touch beside the cursor does not jump
    _value(fader, "x", f"{knob.to_norm(knob.default):.6g}")
    address = f"/mula/norm/{name}"
    _osc(fader, address, [("VALUE", "FLOAT", "x")], trigger="ANY", receive=True)
    value = _label(
        f"{name} value",
        Rectangle(frame.x, frame.y + frame.h - 32, frame.w, 32),
        f"/mula/knob/{name}",
        _INK,
        skip=0,
    )
    title = _caption(
        f"{name} title", Rectangle(frame.x, frame.y, frame.w, 32), name.replace("_", " ")
    )
    return [fader, title, value]


def _buttons(y: int, presets: Sequence[str]) -> list[ET.Element]:
    """Rows of equal buttons from ``y`` down to the edge of the canvas."""
    colours = {"generate": _ORANGE, "panic": _RED, "keep": _GREEN, "reject": _RED}
    press: Argument = ("VALUE", "FLOAT", "x")
    deck = [
        *(
            _Button(name, f"/mula/audition/{name}", press, colours.get(name, _GREY))
            for name in _DECK
        ),
        *(_Button(path.rpartition("/")[2], path, press, _BLUE) for path in _SWITCHES),
    ]
    actions = [_Button(name, f"/mula/{name}", press, colours.get(name, _GREY)) for name in _ACTIONS]
    loads = [
        _Button(name, "/mula/preset/load", ("CONSTANT", "STRING", name), _BLUE)
        for name in presets[:8]
    ]
    rows = (deck, actions, loads)
    height = (HEIGHT - y) // len(rows) - _GAP
    made: list[ET.Element] = []
    for number, row in enumerate(rows):
        width = (WIDTH - _GAP) // max(1, len(row)) - _GAP
        for index, button in enumerate(row):
            top = y + number * (height + _GAP)
            frame = Rectangle(_GAP + index * (width + _GAP), top, width, height)
            name = f"preset {button.text}" if row is loads else button.text
            if button.address in _SWITCHES:
                made.append(_switch(name, frame, button.colour, button.address))
            else:
                sent = (button.colour, button.address, button.sent)
                made.append(_button(name, frame, *sent))
            made.append(_caption(f"{name} label", frame, button.text))
    return made


def _switch(name: str, frame: Rectangle, colour: Colour, address: str) -> ET.Element:
    """A button that stays down, and follows what is switched elsewhere."""
    switch = _node("BUTTON", name, frame, colour)
    _property(switch, "buttonType", _TOGGLE)
    _value(switch, "x", "0")
    _osc(switch, address, [("VALUE", "INTEGER", "x")], trigger="ANY", receive=True)
    return switch


def _button(
    name: str, frame: Rectangle, colour: Colour, address: str, argument: Argument
) -> ET.Element:
    button = _node("BUTTON", name, frame, colour)
    _property(button, "buttonType", _MOMENTARY)
    _property(button, "press", True)
    _property(button, "release", True)
    _value(button, "x", "0")
    _osc(button, address, [argument], trigger="RISE", receive=False)
    return button


def _meter(name: str, frame: Rectangle, address: str) -> ET.Element:
    """A fader that only shows the second argument of what it hears."""
    meter = _node("FADER", name, frame, _GREEN, interactive=False)
    _property(meter, "orientation", _EAST)
    _property(meter, "bar", True)
    _property(meter, "cursor", False)
    _value(meter, "x", "0")
    _osc(meter, address, [("CONSTANT", "STRING", ""), ("VALUE", "FLOAT", "x")], receive=True)
    return meter


def _label(name: str, frame: Rectangle, address: str, colour: Colour, *, skip: int) -> ET.Element:
    """A text that shows the argument after the first ``skip`` of what it hears."""
    label = _caption(name, frame, "", colour)
    skipped: list[Argument] = [("CONSTANT", "STRING", "")] * skip
    _osc(label, address, [*skipped, ("VALUE", "STRING", "text")], receive=True)
    return label


def _caption(name: str, frame: Rectangle, text: str, colour: Colour = _INK) -> ET.Element:
    label = _node("LABEL", name, frame, _CLEAR, background=False, interactive=False)
    _property(label, "outline", False)
    _property(label, "textColor", colour)
    _property(label, "textSize", 18)
    _property(label, "textAlignH", _CENTRED)
    _property(label, "textAlignV", _CENTRED)
    _property(label, "textLength", 0)
    _property(label, "textClip", True)
    _value(label, "text", text)
    return label


# --- the file's elements ----------------------------------------------------------------------


def _node(
    kind: str,
    name: str,
    frame: Rectangle,
    colour: Colour,
    *,
    background: bool = True,
    interactive: bool = True,
) -> ET.Element:
    node = ET.Element("node", ID=str(uuid.uuid5(_NAMESPACE, f"mulabridge/{name}")), type=kind)
    for part in ("properties", "values", "messages"):
        ET.SubElement(node, part)
    _property(node, "name", name)
    _property(node, "frame", frame)
    _property(node, "color", colour)
    _property(node, "background", background)
    _property(node, "interactive", interactive)
    _property(node, "visible", True)
    _property(node, "locked", False)
    _property(node, "cornerRadius", 2.0)
    _value(node, "touch", "false")
    return node


def _property(node: ET.Element, key: str, value: object) -> None:
    kinds = {bool: "b", int: "i", float: "f", str: "s", Colour: "c", Rectangle: "r"}
    properties = _part(node, "properties")
    made = ET.SubElement(properties, "property", type=kinds[type(value)])
    ET.SubElement(made, "key").text = key
    holder = ET.SubElement(made, "value")
    if isinstance(value, Colour | Rectangle):
        for name, number in value._asdict().items():
            ET.SubElement(holder, name).text = f"{number:g}"
    else:
        holder.text = str(int(value)) if isinstance(value, bool) else str(value)


def _value(node: ET.Element, key: str, default: str) -> None:
    made = ET.SubElement(_part(node, "values"), "value")
    for name, text in (
        ("key", key),
        ("locked", "0"),
        ("lockedDefaultCurrent", "0"),
        ("default", default),
        ("defaultPull", "0"),
    ):
        ET.SubElement(made, name).text = text


def _osc(
    node: ET.Element,
    address: str,
    arguments: Sequence[Argument],
    *,
    trigger: str = "",
    receive: bool,
) -> None:
    """``trigger``: the change of ``x`` that sends (ANY, RISE); empty: never."""
    made = ET.SubElement(_part(node, "messages"), "osc")
    flags = {"enabled": True, "send": bool(trigger), "receive": receive, "feedback": False}
    for name, flag in flags.items():
        ET.SubElement(made, name).text = str(int(flag))
    ET.SubElement(made, "connections").text = _CONNECTIONS
    triggers = ET.SubElement(made, "triggers")
    if trigger:
        one = ET.SubElement(triggers, "trigger")
        ET.SubElement(one, "var").text = "x"
        ET.SubElement(one, "condition").text = trigger
    _partial(ET.SubElement(made, "path"), ("CONSTANT", "STRING", address))
    listed = ET.SubElement(made, "arguments")
    for argument in arguments:
        _partial(listed, argument)


def _partial(parent: ET.Element, argument: Argument) -> None:
    made = ET.SubElement(parent, "partial")
    kind, conversion, value = argument
    for name, text in (
        ("type", kind),
        ("conversion", conversion),
        ("value", value),
        ("scaleMin", "0"),
        ("scaleMax", "1"),
    ):
        ET.SubElement(made, name).text = text


def _part(node: ET.Element, name: str) -> ET.Element:
    found = node.find(name)
    assert found is not None
    return found
