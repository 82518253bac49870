"""MIDI ports by name. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase


def port_matches(pattern: str, port: str) -> bool:
    """Whether a port has the name that ``pattern`` (``*``, ``?``, ``[abc]``; any case) gives.

    Systems put a client's name before the port's ("client:port"), so the part after
    a colon counts as well. A loopback such as ALSA's "Midi Through" has to be named:
    taking it by a bare ``*`` would feed our own output back to us.
    """
    wanted, name = pattern.lower(), port.lower()
    if "midi through" in name and "through" not in wanted:
        return False
    _, colon, after = name.partition(":")
    return fnmatchcase(name, wanted) or (bool(colon) and fnmatchcase(after, wanted))
