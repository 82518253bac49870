"""Mapping files: YAML in, a Mapping out, or an error with file and line.

Which keys there are is in fields.py; here is what they mean together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import MappingProxyType

from mula_bridge.control import (
    Action,
    Curve,
    Encoding,
    Point,
    Travel,
    check_point,
    parse_action,
    preset_name,
)
from mula_bridge.errors import UnknownName
from mula_bridge.files import NotUtf8, read_text
from mula_bridge.mapping.controls import addresses, read_control, read_osc_control
from mula_bridge.mapping.fields import MAP
from mula_bridge.mapping.kinds import Keys
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
        if not path.is_file() and path.exists():  # a pipe would be waited for
            raise MappingError(f"{path}: cannot be read: it is no file")
        return read_text(path)
    except OSError as error:
        raise MappingError(f"{path}: cannot be read: {error.strerror}") from error
    except NotUtf8 as error:
        raise MappingError(f"{path}:{error.line}: {error.words}") from error


def _merged(documents: Sequence[YamlPart]) -> Mapping:
    files = [MAP.read(document) for document in documents]
    controllers: dict[str, Controller] = {}
    presets: dict[str, Preset] = {}
    curve: Curve | None = None
    for file in files:
        for name, (key, keys) in file["controllers"].items():
            if name in controllers:
                raise key.error(f"controller {name!r} is already there in another file")
            controllers[name] = _read_controller(name, keys)
        for name, (_, keys) in file["presets"].items():
            presets[name] = MappingProxyType(dict(keys))
        if "genre_strength" in file:
            curve = _read_curve(file)
    bindings: dict[object, Binding | OscBinding] = {}
    for file in files:
        bindings.update(_read_bindings(file["bindings"], controllers, presets))
    return Mapping(
        MappingProxyType(controllers),
        tuple(found for found in bindings.values() if isinstance(found, Binding)),
        tuple(found for found in bindings.values() if isinstance(found, OscBinding)),
        MappingProxyType(presets),
        curve,
    )


def _read_controller(name: str, keys: Keys) -> Controller:
    controls = {}
    taken: dict[object, str] = {}
    for word, (key, control_keys) in keys["controls"].items():
        control = read_control(f"{name}.{word}", control_keys)
        for address in addresses(control):
            if address in taken:
                raise key.error(f"{word!r} has the same source as {taken[address]!r}")
            taken[address] = word
        controls[word] = control
    return Controller(name, keys["in"], keys["out"], MappingProxyType(controls))


def _read_curve(file: Keys) -> Curve:
    points = []
    for keys in file["genre_strength"]:
        values = dict(keys)
        with keys.part.blamed():
            point = Point(values.pop("at"), values)
            check_point(point)
            points.append(point)
            Curve(points)
    with file.parts["genre_strength"].blamed():
        return Curve(points)


def _read_bindings(
    items: Sequence[Keys], controllers: dict[str, Controller], presets: dict[str, Preset]
) -> dict[object, Binding | OscBinding]:
    bindings: dict[object, Binding | OscBinding] = {}
    places: dict[object, str] = {}
    for keys in items:
        binding = _read_binding(keys, controllers, presets)
        pattern, heard = _listens(binding)
        for address in heard:
            source = (pattern, address)
            if source in places:
                raise keys.part.error(
                    f"{_name(binding.control)!r} is bound twice (first at {places[source]})"
                )
            places[source] = keys.part.place
        bindings[pattern, heard] = binding
    return bindings


def _listens(binding: Binding | OscBinding) -> tuple[str, tuple[object, ...]]:
    """Where a binding listens, and to what."""
    if isinstance(binding, OscBinding):
        return "osc", (binding.control.address,)
    return binding.controller.input.lower(), addresses(binding.control)


def _read_binding(
    keys: Keys, controllers: dict[str, Controller], presets: dict[str, Preset]
) -> Binding | OscBinding:
    source, quantum = keys["from"], keys["quantize"]
    if isinstance(source, Keys) and "osc" in source:
        osc = read_osc_control(source)
        target = _read_target(keys, osc, presets)
        return OscBinding(osc, target, _read_feedback(keys, target), quantum)
    if isinstance(source, Keys):
        control = read_control("", source)
        controller = Controller("", source["port"], None, MappingProxyType({control.name: control}))
    else:
        controller, control = _find(keys, controllers)
    target = _read_target(keys, control, presets)
    return Binding(controller, control, target, _read_feedback(keys, target), quantum)


def _read_target(
    keys: Keys, control: Control | OscControl, presets: dict[str, Preset]
) -> KnobTarget | Action:
    midi = control if isinstance(control, Control) else None
    numbered = midi is not None and midi.kind is EventKind.PROGRAM_CHANGE
    relative = midi is not None and midi.encoding is not Encoding.ABSOLUTE
    if "to" in keys:
        travel = Travel(keys["to"])
        if "range" in keys:
            with keys.parts["range"].blamed():
                travel = Travel.between(travel.knob, *keys["range"])
        if numbered:
            raise keys.part.error("a program change does something ('do:'); it cannot turn a knob")
        if "takeover" in keys and (control.button or relative):
            raise keys.parts["takeover"].error(
                f"{_name(control)!r} has no position to take over from"
            )
        return KnobTarget(travel, keys["takeover"])
    for name in ("range", "takeover"):
        if name in keys:
            raise keys.parts[name].error(f"{name!r} goes with 'to:', not with 'do:'")
    with keys.parts["do"].blamed():
        action = parse_action(keys["do"], numbered=numbered)
        if action.row.name == "preset.load" and action.argument:
            name = action.argument
            preset_name(presets, int(name) if name.isdecimal() else name)
    if relative or (midi is not None and midi.bits == 14):
        raise keys.part.error(f"{_name(control)!r} cannot be pressed: 'do:' wants a button")
    return action


def _name(control: Control | OscControl) -> str:
    return control.address if isinstance(control, OscControl) else control.name


def _find(keys: Keys, controllers: dict[str, Controller]) -> tuple[Controller, Control]:
    name, _, word = keys["from"].partition(".")
    with keys.parts["from"].blamed():
        if name not in controllers:
            raise UnknownName("controller", name, controllers)
        controls = controllers[name].controls
        if word not in controls:
            raise UnknownName("control", word, controls)
    return controllers[name], controls[word]


def _read_feedback(keys: Keys, target: KnobTarget | Action) -> bool:
    feedback = keys["feedback"]
    if feedback == "state" and isinstance(target, Action) and not target.row.has_state:
        raise keys.parts["feedback"].error(f"action {target.row.name!r} has no state to show")
    return feedback is not False
