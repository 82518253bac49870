"""Reads a JSON object field by field, naming file and field of whatever is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeGuard, TypeVar

from mula_bridge.errors import BadInput, nearest

_T = TypeVar("_T")
_GREATEST: Final = 2**63


class Fields:
    """One object of a JSON file. Every method raises BadInput for another type of value.

    ``done`` then finds the fields that nobody asked for.
    """

    def __init__(self, file: str, value: object, path: str = "") -> None:
        self._file = file
        self._path = path
        self._asked: set[str] = set()
        if not isinstance(value, dict):
            raise BadInput(f"{file}: {path.rstrip('.') or 'the file'} must be a JSON object")
        self._values: dict[str, object] = value

    @property
    def names(self) -> tuple[str, ...]:
        """The fields it has."""
        return tuple(self._values)

    def value(self, name: str) -> object:
        """Whatever the field holds."""
        self._asked.add(name)
        if name not in self._values:
            raise BadInput(f"{self._file}: field {self._path}{name} is missing")
        return self._values[name]

    def has(self, name: str) -> bool:
        """Whether it has a field that may be left out."""
        self._asked.add(name)
        return name in self._values

    def wrong(self, name: str, expected: str) -> BadInput:
        """The error for a field that is not what was ``expected``."""
        found = repr(self._values.get(name))
        shown = found if len(found) <= 60 else f"{found[:57]}..."
        return BadInput(f"{self._file}: field {self._path}{name} must be {expected}, not {shown}")

    def text(self, name: str) -> str:
        """A string."""
        value = self.value(name)
        if not isinstance(value, str):
            raise self.wrong(name, "a text")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self.value(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(name, "a list of texts")
        return tuple(value)

    def whole(self, name: str) -> int:
        """An integer."""
        value = self.value(name)
        if not is_whole(value):
            raise self.wrong(name, "a whole number")
        return value

    def number(self, name: str) -> float:
        """A finite number."""
        value = self.value(name)
        if not is_number(value):
            raise self.wrong(name, "a finite number")
        return float(value)

    def positive(self, name: str) -> float:
        """A number above 0."""
        number = self.number(name)
        if number <= 0:
            raise self.wrong(name, "above 0")
        return number

    def switch(self, name: str, *, absent: bool) -> bool:
        """True or false; ``absent`` for a file from before there was such a field."""
        self._asked.add(name)
        value = self._values.get(name, absent)
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def object(self, name: str) -> Fields:
        """An object."""
        return Fields(self._file, self.value(name), f"{self._path}{name}.")

    def optional(self, name: str, read: Callable[[str], _T]) -> _T | None:
        """What ``read`` reads, or None for null."""
        return None if self.value(name) is None else read(name)

    def done(self) -> None:
        """Raise BadInput for a field that was not asked for."""
        for name in self.names:
            if name not in self._asked:
                close = nearest(name, self._asked)
                hint = f"; did you mean {close}?" if close else ""
                raise BadInput(f"{self._file}: unknown field {self._path}{name}{hint}")


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a JSON value is an integer; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> TypeGuard[float]:
    """Whether a JSON value is a finite number that fits a float."""
    return (isinstance(value, float) and math.isfinite(value)) or (
        is_whole(value) and abs(value) <= _GREATEST
    )
