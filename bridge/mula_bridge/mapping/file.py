"""Mapping files: YAML in, a Mapping out, or an error with file and line.

The schema is described in mappings/README.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import MappingProxyType

from mula_bridge.control import (
    OFF,
    Action,
    Curve,
    Encoding,
    KnobValue,
    Mode,
    Point,
    Travel,
    check_point,
    knob,
    parse_action,
    parse_quantum,
    preset_name,
)
from mula_bridge.errors import UnknownName
from mula_bridge.mapping.controls import addresses, read_control, read_osc_control
from mula_bridge.mapping.model import (
    Binding,
    Control,
    Controller,
    KnobTarget,
    Mapping,
    MappingError,
    OscBinding,
    OscControl,
    Preset,
)
from mula_bridge.mapping.yaml_tree import YamlPart, parse_yaml
from mula_bridge.midi import EventKind

_TOP = ("version", "controllers", "bindings", "presets", "genre_strength")
_BINDING = ("from", "to", "do", "range", "takeover", "feedback", "quantize")


def load_mapping(paths: Iterable[Path]) -> Mapping:
    """The mapping that ``paths`` make together.

    Bindings may use any file's controllers. A later file's binding of the same
    control, preset of the same name and curve replace an earlier file's. Raises
    MappingError.
    """
    return _merged([parse_yaml(_read(path), str(path)) for path in paths])


def parse_mapping(text: str, file: str = "mapping") -> Mapping:
    """The mapping in ``text``; ``file`` is the name for errors. Raises MappingError."""
    return _merged([parse_yaml(text, file)])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise MappingError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise MappingError(f"{path}:{line}: not UTF-8 text") from error


def _merged(documents: Sequence[YamlPart]) -> Mapping:
    files = [document.fields("a mapping file", _TOP) for document in documents]
    controllers: dict[str, Controller] = {}
    presets: dict[str, Preset] = {}
    curve: Curve | None = None
    for document, file in zip(documents, files, strict=True):
        if "version" not in file:
            raise document.error("a mapping file says 'version: 1'")
        file["version"].integer("version", 1, 1)
        if "controllers" in file:
            _read_controllers(file["controllers"], controllers)
        if "presets" in file:
            presets.update(_read_presets(file["presets"]))
        if "genre_strength" in file:
            curve = _read_curve(file["genre_strength"])
    bindings: dict[object, Binding | OscBinding] = {}
    for file in files:
        if "bindings" in file:
            bindings.update(_read_bindings(file["bindings"], controllers, presets))
    return Mapping(
        MappingProxyType(controllers),
        tuple(found for found in bindings.values() if isinstance(found, Binding)),
        tuple(found for found in bindings.values() if isinstance(found, OscBinding)),
        MappingProxyType(presets),
        curve,
    )


def _read_controllers(part: YamlPart, into: dict[str, Controller]) -> None:
    for name, (key, value) in part.entries("controllers").items():
        if name in into:
            raise key.error(f"controller {name!r} is already there in another file")
        if "." in name:
            raise key.error(f"a controller's name has no dot, unlike {name!r}")
        into[name] = _read_controller(name, value)


def _read_controller(name: str, part: YamlPart) -> Controller:
    fields = part.fields("a controller", ("in", "out", "controls"))
    controls = {}
    taken: dict[object, str] = {}
    entries = fields["controls"].entries("controls") if "controls" in fields else {}
    for word, (key, value) in entries.items():
        control = read_control(f"{name}.{word}", value)
        for address in addresses(control):
            if address in taken:
                raise key.error(f"{word!r} has the same source as {taken[address]!r}")
            taken[address] = word
        controls[word] = control
    return Controller(
        name,
        fields["in"].text("in") if "in" in fields else "*",
        fields["out"].text("out") if "out" in fields else None,
        MappingProxyType(controls),
    )


def _read_presets(part: YamlPart) -> dict[str, Preset]:
    presets: dict[str, Preset] = {}
    for name, (key, value) in part.entries("presets").items():
        if name.isdecimal():
            raise key.error(f"a preset's name is not a number, unlike {name!r}")
        presets[name] = MappingProxyType(
            {word: _read_value(word, *pair) for word, pair in value.entries("a preset").items()}
        )
    return presets


def _read_value(name: str, key: YamlPart, part: YamlPart) -> KnobValue:
    """A value of knob ``name``, which has to be within its range as it stands."""
    with key.blamed():
        row = knob(name)
    if row.choices:
        with part.blamed():
            return row.coerce(part.text(name))
    number = part.number(name)
    if not row.minimum <= number <= row.maximum:
        raise part.error(f"{name} {number:g} is outside {row.minimum:g}..{row.maximum:g}")
    if row.integer and number != int(number):
        raise part.error(f"{name} is a whole number, not {number:g}")
    return row.coerce(number)


def _read_curve(part: YamlPart) -> Curve:
    points = []
    for item in part.items("genre_strength"):
        entries = item.entries("a point")
        if "at" not in entries:
            raise item.error("a point says where it is, as in 'at: 0.5'")
        at = entries.pop("at")[1].number("at")
        values = {name: _read_value(name, *pair) for name, pair in entries.items()}
        if "genre_strength" in values:
            raise item.error("genre_strength cannot move itself")
        point = Point(at, values)
        with item.blamed():
            check_point(point)
            points.append(point)
            Curve(points)
    with part.blamed():
        return Curve(points)


def _read_bindings(
    part: YamlPart, controllers: dict[str, Controller], presets: dict[str, Preset]
) -> dict[object, Binding | OscBinding]:
    bindings: dict[object, Binding | OscBinding] = {}
    places: dict[object, str] = {}
    for item in part.items("bindings"):
        binding = _read_binding(item, controllers, presets)
        pattern, heard = _listens(binding)
        for address in heard:
            source = (pattern, address)
            if source in places:
                raise item.error(
                    f"{_name(binding.control)!r} is bound twice (first at {places[source]})"
                )
            places[source] = item.place
        bindings[pattern, heard] = binding
    return bindings


def _listens(binding: Binding | OscBinding) -> tuple[str, tuple[object, ...]]:
    """Where a binding listens, and to what."""
    if isinstance(binding, OscBinding):
        return "osc", (binding.control.address,)
    return binding.controller.input.lower(), addresses(binding.control)


def _read_binding(
    item: YamlPart, controllers: dict[str, Controller], presets: dict[str, Preset]
) -> Binding | OscBinding:
    fields = item.fields("a binding", _BINDING)
    if "from" not in fields:
        raise item.error("a binding says what moves it: 'from: CONTROLLER.CONTROL'")
    if ("to" in fields) == ("do" in fields):
        raise item.error("a binding has either 'to: KNOB' or 'do: ACTION'")
    source = fields["from"]
    if not source.is_text() and "osc" in source.entries("from"):
        osc = read_osc_control(source)
        target = _read_target(item, fields, osc, presets)
        return OscBinding(osc, target, _read_feedback(fields, target), _read_quantum(fields))
    controller, control = _find(source, controllers) if source.is_text() else _read_inline(source)
    target = _read_target(item, fields, control, presets)
    feedback, quantum = _read_feedback(fields, target), _read_quantum(fields)
    return Binding(controller, control, target, feedback, quantum)


def _read_target(
    item: YamlPart,
    fields: dict[str, YamlPart],
    control: Control | OscControl,
    presets: dict[str, Preset],
) -> KnobTarget | Action:
    midi = control if isinstance(control, Control) else None
    numbered = midi is not None and midi.kind is EventKind.PROGRAM_CHANGE
    relative = midi is not None and midi.encoding is not Encoding.ABSOLUTE
    if "to" in fields:
        target = _read_knob_target(fields)
        if numbered:
            raise item.error("a program change does something ('do:'); it cannot turn a knob")
        if "takeover" in fields and (control.button or relative):
            raise fields["takeover"].error(f"{_name(control)!r} has no position to take over from")
        return target
    for name in ("range", "takeover"):
        if name in fields:
            raise fields[name].error(f"{name!r} goes with 'to:', not with 'do:'")
    with fields["do"].blamed():
        action = parse_action(fields["do"].text("do"), numbered=numbered)
        if action.row.name == "preset.load" and action.argument:
            name = action.argument
            preset_name(presets, int(name) if name.isdecimal() else name)
    if relative or (midi is not None and midi.bits == 14):
        raise item.error(f"{_name(control)!r} cannot be pressed: 'do:' wants a button")
    return action


def _name(control: Control | OscControl) -> str:
    return control.address if isinstance(control, OscControl) else control.name


def _find(part: YamlPart, controllers: dict[str, Controller]) -> tuple[Controller, Control]:
    name, dot, word = part.text("from").partition(".")
    if not dot:
        raise part.error(f"{name!r} is not a source; write CONTROLLER.CONTROL or {{cc: 20}}")
    with part.blamed():
        if name not in controllers:
            raise UnknownName("controller", name, controllers)
        controls = controllers[name].controls
        if word not in controls:
            raise UnknownName("control", word, controls)
    return controllers[name], controls[word]


def _read_inline(part: YamlPart) -> tuple[Controller, Control]:
    """A source that stands in the binding itself, with the port it comes from."""
    entries = part.entries("from")
    port = entries["port"][1].text("port") if "port" in entries else "*"
    control = read_control("", part, also=("port",))
    return Controller("", input=port, controls=MappingProxyType({control.name: control})), control


def _read_knob_target(fields: dict[str, YamlPart]) -> KnobTarget:
    with fields["to"].blamed():
        row = knob(fields["to"].text("to"))
    travel = Travel(row)
    if "range" in fields:
        ends = fields["range"].items("range")
        if len(ends) != 2:
            raise fields["range"].error("a range is two numbers: [from, to]")
        with fields["range"].blamed():
            travel = Travel.between(row, ends[0].number("range"), ends[1].number("range"))
    mode = Mode.JUMP
    if "takeover" in fields:
        mode = Mode(fields["takeover"].choice("takeover", [str(m) for m in Mode]))
    return KnobTarget(travel, mode)


def _read_quantum(fields: dict[str, YamlPart]) -> int:
    part = fields.get("quantize")
    if part is None:
        return OFF
    with part.blamed():
        return parse_quantum(part.text("quantize"))


def _read_feedback(fields: dict[str, YamlPart], target: KnobTarget | Action) -> bool:
    part = fields.get("feedback")
    if part is None:
        return True
    if part.text("feedback") != "state":
        return part.flag("feedback")
    if isinstance(target, Action) and not target.row.has_state:
        raise part.error(f"action {target.row.name!r} has no state to show")
    return True
