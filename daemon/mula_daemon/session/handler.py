"""What answers a family of commands: the seam along which the session grows."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from mula_bridge.control.messages import Origin, Panic, Stop

C = TypeVar("C", contravariant=True)
E = TypeVar("E", contravariant=True)


class Handler(Generic[C, E]):
    """Obeys commands of the types ``C``, and hears events of the types ``E``.

    Everything here is called on the session's thread, so that a handler owns its state and
    needs no locks. A command type has one owner; an event type may have several hearers, in
    the order of the session's list.
    """

    commands: ClassVar[tuple[type, ...]] = ()
    """The types in ``C``."""
    events: ClassVar[tuple[type, ...]] = ()
    """The types in ``E``."""

    def handle(self, command: C, origin: Origin) -> None:
        """Obey. Raises MulaError, which ``origin`` is told of."""
        raise NotImplementedError

    def hear(self, event: E) -> None:
        """Take note of something that another thread posted."""
        raise NotImplementedError

    def hush(self, command: Stop | Panic) -> None:
        """Stop whatever sounds; at a panic, whatever runs too. All are told."""

    def dump(self, origin: Origin) -> None:
        """Tell ``origin`` the whole state that this handler keeps."""

    def settle(self) -> None:
        """See to what changed, now that all that waited is handled."""

    def tick(self) -> None:
        """See to what changes by itself; some four times a second."""
