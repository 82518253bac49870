"""OSC address patterns: ``*``, ``?``, ``[a-c]``, ``[!a-c]``, ``{one,two}``. Pure.

Matched in time linear in the pattern, whatever the pattern: no regular expression,
and nothing is tried twice. Instead of one position in the text there is the set
of all positions that the pattern so far can have reached, as the bits of an int,
and every step of the pattern moves the whole set. As in OSC, no wildcard crosses
a slash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Final

from mula_bridge.osc.values import OscError

MAX_LENGTH: Final = 256
"""Characters of the longest pattern, and of the longest address that can match one."""

Places = dict[str, int]
"""Character -> the bits of the positions at which the text has it."""
Step = Callable[[int, Places, int], int]
"""(positions reached, places, the bits of all characters) -> positions reached after it."""


def is_pattern(address: str) -> bool:
    """Whether an address holds a wildcard."""
    return any(sign in address for sign in "*?[]{}")


class Pattern:
    """A compiled pattern. Immutable; raises OscError when it is malformed or too long."""

    __slots__ = ("_parts", "text")

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise OscError(f"a pattern of {len(text)} characters; at most {MAX_LENGTH} are taken")
        self.text = text
        self._parts = [_compile(part) for part in text.split("/")]

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def matches(self, address: str) -> bool:
        """Whether the whole of ``address`` fits."""
        if len(address) > MAX_LENGTH:
            return False
        parts = address.split("/")
        return len(parts) == len(self._parts) and all(
            part == steps if isinstance(steps, str) else _fits(steps, part)
            for steps, part in zip(self._parts, parts, strict=True)
        )


def _fits(steps: list[Step], part: str) -> bool:
    places: Places = {}
    for at, char in enumerate(part):
        places[char] = places.get(char, 0) | 1 << at
    everywhere = (1 << len(part)) - 1
    reached = 1  # nothing of the part is used up yet
    for step in steps:
        reached = step(reached, places, everywhere)
        if not reached:
            return False
    return bool(reached >> len(part) & 1)


def _compile(part: str) -> str | list[Step]:
    """The steps of one part; the part itself when it is plain text."""
    if not is_pattern(part):
        return part
    return list(_steps(part))


def _steps(part: str) -> Iterator[Step]:
    at = 0
    while at < len(part):
        sign, at = part[at], at + 1
        if sign in "[{":
            end = part.find("]" if sign == "[" else "}", at)
            if end < 0:
                raise OscError(f"pattern {part[:80]!r} opens {sign} and does not close it")
            inside, at = part[at:end], end + 1
            yield _one_of(inside) if sign == "[" else _either(inside.split(","))
        elif sign in "]}":
            raise OscError(f"pattern {part[:80]!r} closes {sign} that it did not open")
        elif sign == "*":
            yield _anything
        elif sign == "?":
            yield _none_of(frozenset())
        else:
            yield _char(sign)


def _anything(reached: int, places: Places, everywhere: int) -> int:
    # From the first position reached, every later one, and the end.
    return -(reached & -reached) & (everywhere << 1 | 1)


def _char(char: str) -> Step:
    return lambda reached, places, everywhere: (reached & places.get(char, 0)) << 1


def _one_of(chars: str) -> Step:
    if chars.startswith("!"):
        return _none_of(_spelled_out(chars[1:]))
    allowed = _spelled_out(chars)
    return lambda reached, places, everywhere: (reached & _bits(allowed, places)) << 1


def _none_of(chars: AbstractSet[str]) -> Step:
    return lambda reached, places, everywhere: (reached & everywhere & ~_bits(chars, places)) << 1


def _either(words: list[str]) -> Step:
    def step(reached: int, places: Places, everywhere: int) -> int:
        after = 0
        for word in words:
            here = reached
            for char in word:
                here = (here & places.get(char, 0)) << 1
            after |= here
        return after

    return step


def _bits(chars: AbstractSet[str], places: Places) -> int:
    found = 0
    for char, bits in places.items():
        if char in chars:
            found |= bits
    return found


def _spelled_out(chars: str) -> AbstractSet[str]:
    """The characters of a class: ``a-cx`` is a, b, c, x; a dash at either end is a dash."""
    spelled: set[str] = set()
    at = 0
    while at < len(chars):
        if chars[at + 1 : at + 2] == "-" and at + 2 < len(chars):
            first, last = ord(chars[at]), ord(chars[at + 2])
            if not first <= last < 128:
                raise OscError(f"the range {chars[at : at + 3]!r} goes backwards or beyond ASCII")
            spelled.update(map(chr, range(first, last + 1)))
            at += 3
        else:
            spelled.add(chars[at])
            at += 1
    return spelled
