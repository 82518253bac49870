"""The controls of the devices: Max's ``live.*`` objects, described from the knob table.

Each function adds one box to a patch and returns its id. ``name`` is what the script calls the
control; the long name is what Live shows for automation and must stay what it is, because saved
sets find their values by it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mula_bridge.control import Knob
from mula_bridge.surfaces.max_device.patch import MaxPatch, Rect

_FLOAT, _INT, _ENUM, _BLOB = 0, 1, 2, 3
_STYLES: Final = {"dB": 4}
"""Unit styles of ``live.dial``: 0 whole, 1 decimal, 4 decibel."""
_WHOLE, _DECIMAL, _PERCENT = 0, 1, 5
_STORED_ONLY: Final = 1
_LCD: Final = {"live.text": 2, "live.menu": 1, "live.numbox": 4}
"""The display style that looks like Live's own devices."""
_OUTLETS: Final = {
    "live.dial": ("", "float"), "live.text": ("", ""), "live.menu": ("", "", "float"),
    "live.numbox": ("", "float"),
}  # fmt: skip
_MOUSE_UP: Final = 1
_LARGEST_INT: Final = 255
"""Live keeps whole parameters in a byte; beyond it they have to be floats that look whole."""
_LARGEST_EXACT: Final = 2**24
"""Whole numbers up to here survive as 32-bit floats."""


def high(knob: Knob) -> float:
    """The top of a knob's control."""
    return min(knob.maximum, _LARGEST_EXACT)


def exponent(knob: Knob) -> float:
    """How a control over the knob's whole range bends, so that the middle of its way is the
    middle of the knob's own travel."""
    middle = (knob.taper.at(0.5) - knob.minimum) / (high(knob) - knob.minimum)
    return round(math.log(middle) / math.log(0.5), 4)


def dial(patch: MaxPatch, knob: Knob, rect: Rect, long: str, short: str) -> str:
    """A knob as a dial with its name above and its value below."""
    shape = {**_range(knob), "parameter_exponent": exponent(knob)}
    return _live(patch, "live.dial", rect, _parameter(long, short, knob.description, shape))


def travel_dial(patch: MaxPatch, knob: Knob, rect: Rect, long: str, short: str) -> str:
    """A dial over the travel of a knob, which is what a control change moves along.

    It shows the knob's unit where travel and value go in a straight line, else percent.
    """
    low, middle, top = (knob.taper.at(travel) for travel in (0.0, 0.5, 1.0))
    straight = math.isclose(2 * middle, low + top)
    if straight:
        shape = _numbers(_FLOAT, low, top, knob.default, _DECIMAL)
    else:
        shape = _numbers(_FLOAT, 0.0, 100.0, 100 * knob.to_norm(knob.default), _PERCENT)
    return _live(patch, "live.dial", rect, _parameter(long, short, knob.description, shape))


def number_box(patch: MaxPatch, knob: Knob, rect: Rect, long: str, short: str) -> str:
    """A knob as a number to drag or type."""
    parameter = _parameter(long, short, knob.description, _range(knob))
    return _live(patch, "live.numbox", rect, parameter)


def menu(
    patch: MaxPatch, choices: Sequence[str], first: int, rect: Rect, long: str, short: str,
    info: str,
) -> str:  # fmt: skip
    """A menu of words; ``first`` is the one that a fresh device shows."""
    return _live(patch, "live.menu", rect, _parameter(long, short, info, _choice(choices, first)))


def button(patch: MaxPatch, rect: Rect, text: str, long: str, info: str) -> str:
    """A button that bangs; it can be MIDI-mapped."""
    return _text(patch, rect, text, 0, False, long, info)


def toggle(patch: MaxPatch, rect: Rect, text: str, on: bool, long: str, info: str) -> str:
    """A button that stays down; ``on``: in a fresh device."""
    return _text(patch, rect, text, 1, on, long, info)


def text_field(patch: MaxPatch, rect: Rect, long: str, info: str) -> str:
    """A line of text, sent with Return and saved with the set."""
    shape = {"parameter_type": _BLOB, "parameter_invisible": _STORED_ONLY}
    return patch.ui(
        "textedit", rect, ["", "int", "", ""], keymode=1, lines=1, outputmode=1, nosymquotes=1,
        tabmode=1, fontsize=10.0, text="", **_parameter(long, long, info, shape),
    )  # fmt: skip


def label(patch: MaxPatch, rect: Rect, text: str, *, centred: bool = False) -> str:
    """A word, or a line that the script fills: no parameter, so Live's undo is left alone."""
    return patch.ui(
        "live.comment", rect, [], text=text, textjustification=int(centred), fontsize=10.0
    )


def script_box(
    patch: MaxPatch, rect: Rect, script: str, arguments: Sequence[str], info: str
) -> str:
    """A picture that a script draws."""
    return patch.ui(
        "jsui", rect, [""], filename=script, jsarguments=list(arguments), border=0, ignoreclick=1,
        parameter_enable=0, annotation=info,
    )  # fmt: skip


def panel(patch: MaxPatch, rect: Rect) -> str:
    """A thin line between groups."""
    return patch.ui(
        "panel", rect, [], mode=0, border=0, rounded=0, background=1, bgcolor=[0.5, 0.5, 0.5, 0.5]
    )


def hidden_switch(patch: MaxPatch, long: str) -> str:
    """A value 0 or 1 that the set saves and nobody sees."""
    shape = {**_choice(("no", "yes"), 0), "parameter_invisible": _STORED_ONLY}
    return patch.unseen("live.numbox", ["", "float"], **_parameter(long, long, "", shape))


def _text(patch: MaxPatch, rect: Rect, text: str, mode: int, on: bool, long: str, info: str) -> str:
    parameter = _parameter(long, text, info, _choice(("off", "on"), int(on)))
    said = {"mode": mode, "outputmode": _MOUSE_UP, "text": text, "texton": text}
    return _live(patch, "live.text", rect, said | parameter)


def _live(patch: MaxPatch, maxclass: str, rect: Rect, attributes: Mapping[str, Any]) -> str:
    """A control of Live's, looking as those of Live's own devices do."""
    style = {"appearance": _LCD[maxclass]} if maxclass in _LCD else {}
    return patch.ui(maxclass, rect, list(_OUTLETS[maxclass]), **style, **attributes)


def _range(knob: Knob) -> dict[str, Any]:
    fits = knob.integer and knob.minimum >= 0 and knob.maximum <= _LARGEST_INT
    unit = _WHOLE if knob.integer else _STYLES.get(knob.unit, _DECIMAL)
    return _numbers(_INT if fits else _FLOAT, knob.minimum, high(knob), knob.default, unit)


def _numbers(kind: int, low: float, top: float, start: object, unit: int) -> dict[str, Any]:
    return {
        "parameter_type": kind,
        "parameter_mmin": float(low),
        "parameter_mmax": float(top),
        "parameter_initial": [start],
        "parameter_initial_enable": 1,
        "parameter_unitstyle": unit,
    }


def _choice(choices: Sequence[str], first: int) -> dict[str, Any]:
    return {
        "parameter_type": _ENUM,
        "parameter_enum": list(choices),
        "parameter_mmax": len(choices) - 1,
        "parameter_initial": [first],
        "parameter_initial_enable": 1,
    }


def _parameter(long: str, short: str, info: str, shape: Mapping[str, Any]) -> dict[str, Any]:
    """What Live knows of a control; ``shape`` is its type and what goes with that."""
    value_of = {
        "parameter_longname": long,
        "parameter_shortname": short,
        "parameter_modmode": 3 if shape["parameter_type"] in (_FLOAT, _INT) else 0,
        **shape,
    }
    made = {"parameter_enable": 1, "varname": long}
    if info:
        value_of |= {"parameter_info": info, "parameter_annotation_name": long}
    made["saved_attribute_attributes"] = {"valueof": value_of}
    return made | ({"annotation": info, "annotation_name": long} if info else {})
