"""JSON read as types. msgspec checks it; this file says what is wrong with which field, and how
it should be."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, inspect

from mula_bridge.errors import BadInput, nearest
from mula_bridge.files import read_text

_T = TypeVar("_T")
_MOST: Final = sys.float_info.max

Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""A whole number of 64 bits."""
Number = Annotated[float, Meta(ge=-_MOST, le=_MOST, extra={"words": "a finite number"})]
"""A finite number; a whole one becomes a float. ``words`` is what errors call such a value."""
Positive = Annotated[float, Meta(gt=0.0, le=_MOST, extra={"words": "a finite number above 0"})]
"""A finite number above 0."""


def parse_json(text: str, file: str) -> object:
    """What ``text`` says. Raises BadInput, naming ``file``, for what is no JSON, or spells a
    character that UTF-8 has not."""
    try:
        content = json.loads(text.removeprefix("\ufeff"))
        if "\\ud" in text.lower():  # which can spell half of a surrogate pair
            json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file}: not JSON: {error}") from error
    return content


def typed(content: object, kind: type[_T], file: str) -> _T:
    """Parsed JSON as a ``kind``. Raises BadInput, naming ``file`` and the field."""
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError:
        raise _fault(content, kind, file, "") from None


def read_json(path: Path, kind: type[_T]) -> _T:
    """The file ``path`` as a ``kind``. Raises OSError, and BadInput, naming file and field."""
    return typed(parse_json(read_text(path), str(path)), kind, str(path))


def wrong(file: str, field: str, expected: str, value: object) -> BadInput:
    """The error for a field that is not what was ``expected``."""
    found = repr(value)
    shown = found if len(found) <= 60 else f"{found[:57]}..."
    return BadInput(f"{file}: field {field} must be {expected}, not {shown}")


def _fault(value: object, hint: Any, file: str, path: str) -> BadInput:
    """The error for a value that is no ``hint``, about the innermost field that is to blame."""
    kind = _object_of(hint)
    if kind is None or not isinstance(value, dict):
        if not path:
            return BadInput(f"{file}: the file must be a JSON object")
        return wrong(file, path, _words(inspect.type_info(hint)), value)
    before = f"{path}." if path else ""
    if get_origin(kind):
        hints = dict.fromkeys(value, get_args(kind)[1])
    else:
        hints = get_type_hints(kind, include_extras=True)
        info: Any = inspect.type_info(kind)
        for name in value if getattr(info, "forbid_unknown_fields", False) else ():
            if name not in hints:
                close = nearest(name, hints)
                meant = f"; did you mean {close}?" if close else ""
                return BadInput(f"{file}: unknown field {before}{name}{meant}")
        for row in info.fields:
            if row.required and row.name not in value:
                return BadInput(f"{file}: field {before}{row.name} is missing")
    for name in value:
        try:
            msgspec.convert(value[name], hints.get(name, Any))
        except msgspec.ValidationError:
            return _fault(value[name], hints[name], file, f"{before}{name}")
    return wrong(file, path, "another", value)


def _object_of(hint: Any) -> Any:
    """What in a type a JSON object is: of ``Fit | None``, say, ``Fit``."""
    if get_origin(hint) is Mapping or hasattr(hint, "__struct_fields__") or is_dataclass(hint):
        return hint
    return next(filter(None, map(_object_of, get_args(hint))), None)


def _words(kind: inspect.Type) -> str:
    """What a value of that type is called."""
    match kind:
        case inspect.Metadata(extra={"words": str(words)}):
            return words
        case inspect.Metadata(type=inner):
            return _words(inner)
        case inspect.UnionType(types=types):
            some = (_words(each) for each in types if not isinstance(each, inspect.NoneType))
            return " or ".join(dict.fromkeys(some))
        case inspect.EnumType(cls=cls):
            return f"one of {', '.join(str(each.value) for each in cls)}"
        case inspect.LiteralType(values=values):
            return " or ".join(map(str, values))
        case inspect.VarTupleType(item_type=item):
            return f"a list of {_words(item).removeprefix('a ')}s"
        case inspect.StrType():
            return "a text"
        case inspect.IntType():
            return "a whole number"
        case inspect.BoolType():
            return "true or false"
    return "an object"
