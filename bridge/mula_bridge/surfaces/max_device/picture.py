"""The presentation view of a device as an SVG: what a reader of the docs sees of it.

Drawn from the same rectangles and texts as the device, in the manner of Live's mid-light theme;
fonts and shading are Live's own there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Any, Final

from mula_bridge.surfaces.max_device.patch import HEIGHT

_INK, _LCD, _ON, _FIELD, _BACK = "#141414", "#1d1d1d", "#ffad56", "#c9c9c9", "#a3a3a3"
_BUTTON, _LINE, _ACCENT = "#8d8d8d", "#6f6f6f", "#ff8c33"
_START, _SWEEP = 135.0, 270.0
_RING = 14
_UNITS: Final = {
    0: "{:.0f}".format,
    1: "{:.2f}".format,
    4: "{:.1f} dB".format,
    5: "{:.0f} %".format,
}

Box = Mapping[str, Any]


def svg(patcher: Mapping[str, Any], title: str) -> str:
    """The picture of a patcher, at twice its size."""
    inside = patcher["patcher"]
    width = int(inside["devicewidth"])
    boxes = list(_seen(inside))
    dials = [_value(box) for box in boxes if box["maxclass"] == "live.dial"]
    drawn = [part for box in reversed(boxes) for part in _draw(box, dials)]
    style = (
        "text{font-family:'Ableton Sans',Arial,Helvetica,'DejaVu Sans',sans-serif;"
        f"font-size:9.5px;fill:{_INK}}}"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * width}" '
            f'height="{2 * (HEIGHT + 18)}" viewBox="0 -18 {width} {HEIGHT + 18}">',
            f"<title>{escape(title)}</title><style>{style}</style>",
            _rect(0, -18, width, HEIGHT + 18, _BACK, rounded=3),
            _rect(0, -18, width, 17, _BUTTON, rounded=3),
            f'<circle cx="10" cy="-9.5" r="4" fill="{_ON}" stroke="{_INK}" stroke-width=".7"/>',
            _text(20, -6, title, bold=True),
            *drawn,
            "</svg>",
            "",
        ]
    )


def _seen(patcher: Mapping[str, Any]) -> Iterator[Box]:
    for entry in patcher["boxes"]:
        if entry["box"].get("presentation"):
            yield entry["box"]


def _draw(box: Box, dials: list[Box]) -> Iterator[str]:
    x, y, w, h = box["presentation_rect"]
    if box["maxclass"] == "jsui":
        yield from _rings(dials[: len(box["jsarguments"])], x, y, w, h)
    else:
        yield from _PAINTERS[box["maxclass"]](box, x, y, w, h)


def _dial(box: Box, x: float, y: float, w: float, _h: float) -> Iterator[str]:
    value = _value(box)
    way = _way(value)
    cx, cy = x + w / 2, y + 26
    yield _text(cx, y + 10, value["parameter_shortname"], middle=True)
    yield _arc(cx, cy, 10, 1.0, _LINE, 3)
    yield _arc(cx, cy, 10, way, _ACCENT, 3)
    tip = _at(cx, cy, 11, way)
    yield (
        f'<line x1="{cx:g}" y1="{cy:g}" x2="{tip[0]:.2f}" y2="{tip[1]:.2f}" '
        f'stroke="{_INK}" stroke-width="2"/>'
    )
    yield _text(cx, y + 47, _shown(value, value["parameter_initial"][0]), middle=True)


def _lcd(box: Box, x: float, y: float, w: float, h: float) -> Iterator[str]:
    value = _value(box)
    initial = value["parameter_initial"][0]
    choices = value.get("parameter_enum")
    yield _rect(x, y, w, h, _LCD)
    text = choices[initial] if choices else _shown(value, initial)
    yield _text(x + 5, y + h / 2 + 3.5, str(text), colour=_ON)
    if choices:
        right, centre = x + w - 9, y + h / 2
        yield (f'<path d="M{right - 3:g} {centre - 2:g}h6l-3 4z" fill="{_ON}" fill-opacity=".8"/>')


def _button(box: Box, x: float, y: float, w: float, h: float) -> Iterator[str]:
    on = box["mode"] == 1 and _value(box)["parameter_initial"][0] == 1
    yield _rect(x, y, w, h, _ON if on else _BUTTON, rounded=2, line=_LINE)
    yield _text(x + w / 2, y + h / 2 + 3.5, box["text"], middle=True)


def _field(_box: Box, x: float, y: float, w: float, h: float) -> Iterator[str]:
    yield _rect(x, y, w, h, _FIELD, line=_LINE)


def _comment(box: Box, x: float, y: float, w: float, h: float) -> Iterator[str]:
    centred = box["textjustification"] == 1
    yield _text(x + (w / 2 if centred else 3), y + h / 2 + 3.5, box["text"], middle=centred)


def _panel(_box: Box, x: float, y: float, w: float, h: float) -> Iterator[str]:
    yield _rect(x, y, w, h, _LINE)


def _rings(dials: list[Box], x: float, y: float, w: float, h: float) -> Iterator[str]:
    """An example: what is heard lags behind what is set."""
    for index, dial in enumerate(dials):
        cx, cy = x + (index + 0.5) * w / len(dials), y + _RING + 3
        heard = 0.1 + 0.75 * _way(dial)
        yield _arc(cx, cy, _RING, 1.0, _LINE, 3)
        yield _arc(cx, cy, _RING, heard, _ACCENT, 3)
        inner, outer = (_at(cx, cy, radius, _way(dial)) for radius in (_RING - 5, _RING + 1))
        yield (
            f'<line x1="{inner[0]:.2f}" y1="{inner[1]:.2f}" x2="{outer[0]:.2f}" '
            f'y2="{outer[1]:.2f}" stroke="{_INK}" stroke-width="2"/>'
        )
        low, high = dial["parameter_mmin"], dial["parameter_mmax"]
        number = low + (high - low) * heard ** dial.get("parameter_exponent", 1.0)
        yield _text(cx, cy + 3, _shown(dial, round(number, 2)), middle=True, size=7.5)
    yield _rect(x, y + h - 4, w, 4, _LINE)
    yield _rect(x, y + h - 4, w * 0.6, 4, _ACCENT)


_PAINTERS: Final[Mapping[str, Callable[[Box, float, float, float, float], Iterator[str]]]] = {
    "live.dial": _dial,
    "live.menu": _lcd,
    "live.numbox": _lcd,
    "live.text": _button,
    "live.comment": _comment,
    "textedit": _field,
    "panel": _panel,
}


def _value(box: Box) -> Mapping[str, Any]:
    value: Mapping[str, Any] = box["saved_attribute_attributes"]["valueof"]
    return value


def _way(value: Mapping[str, Any]) -> float:
    """How far 0..1 a control is turned in a fresh device."""
    low, high = value["parameter_mmin"], value["parameter_mmax"]
    shape: float = value.get("parameter_exponent", 1.0)
    return float(((value["parameter_initial"][0] - low) / (high - low)) ** (1 / shape))


def _shown(value: Mapping[str, Any], number: float) -> str:
    return _UNITS[value["parameter_unitstyle"]](number)


def _at(cx: float, cy: float, radius: float, way: float) -> tuple[float, float]:
    angle = math.radians(_START + _SWEEP * way)
    return cx + radius * math.cos(angle), cy + radius * math.sin(angle)


def _arc(cx: float, cy: float, radius: float, way: float, colour: str, width: float) -> str:
    start, end = _at(cx, cy, radius, 0.0), _at(cx, cy, radius, way)
    large = int(_SWEEP * way > 180)
    return (
        f'<path d="M{start[0]:.2f} {start[1]:.2f}A{radius} {radius} 0 {large} 1 {end[0]:.2f} '
        f'{end[1]:.2f}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>'
    )


def _rect(
    x: float, y: float, w: float, h: float, colour: str, rounded: float = 0, line: str = "none"
) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="{rounded:g}" '
        f'fill="{colour}" stroke="{line}" stroke-width=".7"/>'
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    colour: str = _INK,
    middle: bool = False,
    bold: bool = False,
    size: float = 9.5,
) -> str:
    anchor = ' text-anchor="middle"' if middle else ""
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}"{anchor}{weight} style="fill:{colour};font-size:{size:g}px">'
        f"{escape(text)}</text>"
    )
