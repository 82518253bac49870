"""What one setting is: a row of the table that `Config` is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from mula_bridge.errors import BadInput

ENVIRONMENT_PREFIX: Final = "MULA_"
ROW: Final = "setting"
"""Where a field of Config keeps its row."""

T = TypeVar("T")


class ConfigError(BadInput):
    """An option, environment variable or config file entry that cannot be used."""

    code = "bad_config"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """How a setting is named, written and read."""

    name: str
    """In a config file; see also ``option`` and ``variable``."""
    default: str
    """As it would be written."""
    parse: Callable[[str], object]
    """Raises BadInput, saying what came and what is possible."""
    metavar: str
    """What its value looks like; empty for a switch, which the option alone turns on."""
    meaning: str
    """For ``--help``."""

    @property
    def option(self) -> str:
        """On the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """In the environment."""
        return ENVIRONMENT_PREFIX + self.name.upper()

    def read(self, text: str) -> object:
        """The value that ``text`` means. Raises ConfigError, which names the setting."""
        try:
            return self.parse(text)
        except BadInput as error:
            raise ConfigError(f"{self.name}: {error}") from error


def setting(name: str, default: str, parse: Callable[[str], T], metavar: str, meaning: str) -> T:
    """A field of Config with its row; ``{default}`` in ``meaning`` becomes what it says."""
    row = SettingRow(name, default, parse, metavar, meaning.format(default=default))
    return field(default_factory=partial(parse, default), metadata={ROW: row})


def choice(
    name: str, default: str, words: Iterable[str], parse: Callable[[str], T], meaning: str
) -> T:
    """A `setting` that is one of a few words, of which ``parse`` makes a value."""
    possible = tuple(words)

    def chosen(text: str) -> T:
        if text in possible:
            return parse(text)
        if len(possible) == 2:
            raise BadInput(f"{text!r} is neither {' nor '.join(possible)}")
        raise BadInput(f"{text!r} is none of {', '.join(possible)}")

    return setting(name, default, chosen, "|".join(possible), meaning)
