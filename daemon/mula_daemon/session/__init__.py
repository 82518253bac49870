"""The session: one thread, its mailbox, those who obey and those who are told."""

from mula_daemon.session.handler import Handler
from mula_daemon.session.loop import Session
from mula_daemon.session.mailbox import Mailbox
from mula_daemon.session.outcome import Outcome
from mula_daemon.session.publisher import Publisher

__all__ = ["Handler", "Mailbox", "Outcome", "Publisher", "Session"]
