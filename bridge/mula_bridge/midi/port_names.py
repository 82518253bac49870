"""MIDI ports by name. Pure.

Systems put things around the name that a box gives itself. Windows numbers a box that was plugged
into another socket, and the second of two (``2- nanoKONTROL2``, ``MIDIIN2 (2- nanoKONTROL2)``);
rtmidi appends a port's index there (``nanoKONTROL2 1``), and on Linux the sequencer's address
(``... 28:0``), which a2j writes into the name (``Box [28] (capture)``); we number a second port of
one name (``#2``). None of that is the box.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

_NUMBER = re.compile(r"(^|\()(\d{1,2})- +(?=\S)")
_SECOND = re.compile(r" #(\d+)(?=\*?$)")
_INDEX = re.compile(r"( \d+:\d+| \d+)$")
_A2J_CLIENT = re.compile(r"\d+(?=\] \((?:capture|playback)\))")
_FIRST = "1"
"""What the first of several alike would be called, which has no number."""


def port_matches(pattern: str, port: str, there: Sequence[str] = ()) -> bool:
    """Whether a port has the name that ``pattern`` (``*``, ``?``, ``[abc]``; any case) gives.

    Systems put a client's name before the port's ("client:port"), so the part after
    a colon counts as well. A loopback such as ALSA's "Midi Through" has to be named:
    taking it by a bare ``*`` would feed our own output back to us.

    The number of one of several alike (``2- ``, ``#2``) is left out. Where the pattern has one,
    the port so numbered comes first: others count while it is not ``there`` (all ports there are).
    """
    wanted, name = _folded(pattern), _folded(port)
    if "midi through" in name and "through" not in wanted:
        return False
    if _fits(wanted, name):
        return True
    plain = _plain(wanted)
    if not _fits(plain, _plain(name)):
        return False
    return plain == wanted or not any(_fits(wanted, _folded(other)) for other in there)


def port_pattern(port: str, there: Sequence[str] = ()) -> str:
    """A pattern that finds the port again: what systems put around its name is left out.

    Its number is kept while one alike is ``there`` (all ports there are): two units stay two.
    """
    name = " ".join(port.split())
    bare = _bare(name)
    alike = [other for other in there if other != port and _bare(other) == bare]
    if not alike:
        return _pattern(_INDEX.sub("", _unnumbered(name)))
    name = _INDEX.sub("", name)
    if not _NUMBER.search(name) and any(map(_NUMBER.search, alike)):
        name = f"{_FIRST}- {name}"
    if not _SECOND.search(name) and any(map(_SECOND.search, alike)):
        name = f"{name} #{_FIRST}"
    return _pattern(name)


def _bare(port: str) -> str:
    return _INDEX.sub("", _plain(port))


def _pattern(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name) + "*"


def _plain(name: str) -> str:
    return _A2J_CLIENT.sub("", _unnumbered(name))


def _unnumbered(name: str) -> str:
    return _NUMBER.sub(r"\1", _SECOND.sub("", name))


def _folded(name: str) -> str:
    return " ".join(name.lower().split())


def _fits(wanted: str, name: str) -> bool:
    number, second = _NUMBER.match(wanted), _SECOND.search(wanted)
    if number and number[2] == _FIRST and not _NUMBER.match(name):
        name = f"{_FIRST}- {name}"
    if second and second[1] == _FIRST and not _SECOND.search(name):
        name = f"{name} #{_FIRST}"
    _, colon, after = name.partition(":")
    return fnmatchcase(name, wanted) or (bool(colon) and fnmatchcase(after, wanted))
