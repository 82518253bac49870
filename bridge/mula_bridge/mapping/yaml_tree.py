"""A YAML document whose every part knows its file and line."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from mula_bridge.errors import BadInput
from mula_bridge.mapping.model import MappingError

_YES, _NO = ("true", "yes", "on"), ("false", "no", "off")


class YamlPart:
    """One node. Every method raises MappingError, with file and line, when it is not such a thing.

    Scalars are read by what is expected of them, not by how YAML 1.1 guesses:
    there, ``on`` and ``off`` as keys would be true and false.
    """

    def __init__(self, node: yaml.Node, file: str) -> None:
        self._node = node
        self._file = file

    @property
    def place(self) -> str:
        """``file:line`` of where it begins."""
        return f"{self._file}:{self._node.start_mark.line + 1}"

    def error(self, text: str) -> MappingError:
        """An error about this part."""
        return MappingError(f"{self.place}: {text}")

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Errors about input that the body raises become errors about this part."""
        try:
            yield
        except MappingError:
            raise
        except BadInput as error:
            raise self.error(str(error)) from error

    def entries(self, what: str) -> dict[str, tuple[YamlPart, YamlPart]]:
        """Key text to (key, value), in file order; no key twice. ``what`` names it in errors."""
        if not isinstance(self._node, yaml.MappingNode):
            raise self.error(f"{what} is a list of 'key: value', not {self.shown()}")
        found: dict[str, tuple[YamlPart, YamlPart]] = {}
        for key_node, value_node in self._node.value:
            key = YamlPart(key_node, self._file)
            name = key.text("a key")
            if name in found:
                first = found[name][0].place
                raise key.error(f"{name!r} is given twice (first at {first})")
            found[name] = key, YamlPart(value_node, self._file)
        return found

    def items(self, what: str) -> list[YamlPart]:
        """The parts of a sequence."""
        if not isinstance(self._node, yaml.SequenceNode):
            raise self.error(f"{what} is a list, not {self.shown()}")
        return [YamlPart(node, self._file) for node in self._node.value]

    def is_text(self) -> bool:
        """Whether it is a single word or number, rather than a list or keys."""
        return isinstance(self._node, yaml.ScalarNode)

    def text(self, what: str) -> str:
        """A non-empty string, as written."""
        if not isinstance(self._node, yaml.ScalarNode) or not self._node.value.strip():
            raise self.error(f"{what} is text, not {self.shown()}")
        return str(self._node.value)

    def number(self, what: str) -> float:
        """A finite number."""
        text = self._node.value if isinstance(self._node, yaml.ScalarNode) else ""
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self.error(f"{what} is a number, not {self.shown()}")
        return number

    def flag(self, what: str) -> bool:
        """True or false, in any of YAML's words."""
        word = self.text(what).lower()
        if word not in _YES + _NO:
            raise self.error(f"{what} is true or false, not {self.shown()}")
        return word in _YES

    def shown(self) -> str:
        """It, or what sort of thing it is, for an error."""
        if isinstance(self._node, yaml.ScalarNode):
            return repr(self._node.value) if self._node.value else "nothing"
        return "a list" if isinstance(self._node, yaml.SequenceNode) else "keys"


def parse_yaml(text: str, file: str) -> YamlPart:
    """The document in ``text``; ``file`` is the name for errors. Raises MappingError."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise MappingError(f"{file}:{line}: not YAML: {error.problem or error}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise MappingError(f"{file}:{line}: not YAML: {error.reason}") from error
    except RecursionError:
        raise MappingError(f"{file}:1: nested too deeply") from None
    if node is None:
        raise MappingError(f"{file}:1: the file is empty")
    return YamlPart(node, file)
