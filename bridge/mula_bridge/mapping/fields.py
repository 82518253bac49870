"""The field table of mapping files: every key once, read by reader, schema and README alike."""

from __future__ import annotations

import re
from typing import Any, Final

from mula_bridge.control import KNOBS, Encoding, Knob, Mode
from mula_bridge.mapping import kinds
from mula_bridge.mapping.kinds import Field, Kind, Record
from mula_bridge.mapping.yaml_tree import YamlPart
from mula_bridge.midi import Order

_SEVEN_BITS: Final = kinds.whole(0, 127)
_CHANNEL: Final = kinds.or_any(kinds.whole(1, 16))
_KNOB_OR_BUTTON: Final = kinds.words(("knob", "button"))

LED: Final = Record("a led", (
    Field("cc", _SEVEN_BITS, "the control change that it listens to"),
    Field("note", _SEVEN_BITS, "the note that it listens to"),
    Field("channel", _CHANNEL, "1..16", left_out="the control's own"),
    Field("on", _SEVEN_BITS, "what lights it, or shows a knob at its top", 127),
    Field("off", _SEVEN_BITS, "what puts it out, or shows a knob at its bottom", 0),
), ("cc", "note"), "a led listens to either a cc or a note")  # fmt: skip

SOURCES: Final = (
    Field("cc", _SEVEN_BITS, "a control change"),
    Field("note", _SEVEN_BITS, "a pad or key, pressed when its note begins"),
    Field("nrpn", kinds.whole(0, 16383), "a non-registered parameter, 14-bit"),
    Field("rpn", kinds.whole(0, 16383), "a registered parameter, 14-bit"),
    Field("pitch_bend", kinds.FLAG.where(
              bool, "write 'pitch_bend: true'; its channel goes into 'channel'", const=True),
          "the pitch wheel, or a motor fader, 14-bit"),
    Field("pressure", kinds.FLAG.where(
              bool, "write 'pressure: true'; its channel goes into 'channel'", const=True),
          "how hard keys or pads are pressed, all of a channel together"),
    Field("program_change", kinds.or_any(_SEVEN_BITS), "a program change"),
)  # fmt: skip
"""What a control can send."""

_CONTROL: Final = (
    *SOURCES,
    Field("channel", _CHANNEL, "1..16, or `any`",
          left_out="`any`; a control with its channel goes before one with any"),
    Field("kind", _KNOB_OR_BUTTON, "`knob`, or `button`: pressed when it rises to 64 or more",
          left_out="`knob`, notes `button`"),
    Field("bits", kinds.words((7, 14)),
          "7 or 14; a 14-bit `cc` is 0..31 and has its fine half 32 above",
          left_out="7, or 14 for (N)RPN and pitch bend"),
    Field("order", kinds.words(Order),
          "`msb_first` or `lsb_first`: which half of a 14-bit `cc` comes first", Order.MSB_FIRST),
    Field("ends", kinds.pair(kinds.whole(0, 16383), "ends are two whole numbers: [low, high]"),
          "`[low, high]`: the lowest and the highest number it really sends, where these are not 0 "
          "and 127 (16383 with 14 bits)", left_out="all it can send"),
    Field("mode", kinds.words(Encoding), "`absolute`, or how an endless encoder counts",
          Encoding.ABSOLUTE),
    Field("step", kinds.SHARE, "how far one tick of an encoder goes; 1 is the whole way", 0.01),
    Field("max_step", kinds.SHARE, "how far one tick goes when it is turned fast",
          left_out="no acceleration"),
    Field("wrap", kinds.FLAG, "an encoder goes on from the other end", False),
    Field("led", kinds.one(LED), "its light's own address and values, below",
          left_out="its own source"),
    Field("motorized", kinds.FLAG, "it may be moved while it is touched", False),
)  # fmt: skip
_EITHER: Final = tuple(field.name for field in SOURCES)
_OTHERWISE: Final = f"a control has one source out of {', '.join(_EITHER)}"
CONTROL: Final = Record("a control", (
    *_CONTROL,
    Field("osc", kinds.refused("an OSC address stands in its binding: 'from: {osc: /1/fader1}'")),
), _EITHER, _OTHERWISE)  # fmt: skip
INLINE: Final = Record("a control", (
    *_CONTROL, Field("port", kinds.TEXT, "in a binding: the port it comes from, as in `in`", "*"),
), _EITHER, _OTHERWISE)  # fmt: skip
"""A control that stands in its binding."""

OSC: Final = Record("an OSC source", (
    Field("osc", kinds.ADDRESS,
          "the address, without wildcards; the daemon's own (`/mula/...`) need no binding",
          needed="an OSC source has an address"),
    Field("range", kinds.ENDS, "`[from, to]`: the numbers it sends at its two ends", (0.0, 1.0),
          "`[0, 1]`"),
    Field("kind", _KNOB_OR_BUTTON,
          "`button`: bound `to` a knob, it switches between that knob's two ends", "knob"),
))  # fmt: skip

CONTROLLER: Final = Record("a controller", (
    Field("in", kinds.TEXT, "the ports that it sends from, by name", "*", "`*`, any port"),
    Field("out", kinds.TEXT, "the ports where its lights, rings and motors listen",
          left_out="none"),
    Field("controls", kinds.named(CONTROL), "what it has to turn and press, by names of your own",
          {}),
))  # fmt: skip

_REFERENCE: Final = kinds.TEXT.where(
    re.compile(r"[^.]+\..").match,
    "{value!r} is not a source; write CONTROLLER.CONTROL or {{cc: 20}}",
    pattern=r"^[^.]+\..+$",
)


def _read_source(part: YamlPart, name: str) -> Any:
    if part.is_text():
        return _REFERENCE.read(part, name)
    return (OSC if "osc" in part.entries(name) else INLINE).read(part)


_SOURCE: Final = Kind(_read_source, {"anyOf": [_REFERENCE.schema, INLINE.schema(), OSC.schema()]})

BINDING: Final = Record("a binding", (
    Field("from", _SOURCE,
          "what moves it: `CONTROLLER.CONTROL`, a control written out, or an OSC address",
          needed="a binding says what moves it: 'from: CONTROLLER.CONTROL'"),
    Field("to", kinds.KNOB, "the knob it moves"),
    Field("do", kinds.ACTION, "an action, instead of `to`"),
    Field("range", kinds.ENDS,
          "`[from, to]` in the knob's own units; `[4, 1]` turns the wrong way round",
          left_out="the knob's travel"),
    Field("takeover", kinds.words(Mode),
          "`jump`, `pickup` (waits until the control comes near the knob, or passes it), `scale` "
          "(both reach the end together)", Mode.JUMP),
    Field("feedback", kinds.FEEDBACK,
          "whether its light follows; `state` for an action that has one", True),
    Field("quantize", kinds.BEATS,
          "what it waits for: `beat`, `bar`, `2bars` and so on; the last move of a knob that "
          "waits counts", 0, "`off`"),
), ("to", "do"), "a binding has either 'to: KNOB' or 'do: ACTION'")  # fmt: skip


def _moved(row: Knob) -> Kind:
    if row.name == "genre_strength":
        return kinds.refused("genre_strength cannot move itself")
    if row.choices:
        return kinds.refused(f"a curve cannot move knob {row.name!r}: it has no number")
    return kinds.knob_value(row)


PRESET: Final = Record("a preset", tuple(
    Field(row.name, kinds.knob_value(row), row.description) for row in KNOBS.values()
), key="knob")  # fmt: skip
POINT: Final = Record("a point", (
    Field("at", kinds.PLACE, "where `genre_strength` stands",
          needed="a point says where it is, as in 'at: 0.5'"),
    *(Field(row.name, _moved(row), row.description) for row in KNOBS.values()),
), key="knob")  # fmt: skip

MAP: Final = Record("a mapping file", (
    Field("version", Kind(kinds.whole(1, 1).read, {"const": 1}), "always 1",
          needed="a mapping file says 'version: 1'"),
    Field("controllers", kinds.named(CONTROLLER, "^[^.]+$", "a controller's name has no dot"),
          "pieces of hardware, by names of your own", {}),
    Field("bindings", kinds.many(BINDING), "what controls do", ()),
    Field("presets", kinds.named(PRESET, r"\D", "a preset's name is not a number"),
          "values of knobs, by names of your own", {}),
    Field("genre_strength", kinds.many(POINT, minItems=1),
          "the knobs that it moves, by points of its way",
          left_out="the curve of `presets.yaml`"),
))  # fmt: skip
