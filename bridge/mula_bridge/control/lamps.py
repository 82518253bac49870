"""Which lights of actions are on: what bound buttons show, and what a toggle switches to. Pure."""

from __future__ import annotations

from mula_bridge.control.actions import Action, Press, fold_tag
from mula_bridge.control.messages import (
    AuditionSettings,
    AuditionState,
    Command,
    DeckChanged,
    JobChanged,
    JobState,
    LiveChanged,
    Playing,
    Prompt,
    Report,
    TagsChanged,
)


class Lamps:
    """The state behind every action that has one, as far as reports told. One thread."""

    def __init__(self) -> None:
        self._tags: frozenset[str] = frozenset()
        self._jobs: set[str] = set()
        self._on: set[str] = set()  # names of actions

    def hear(self, report: Report) -> bool:
        """Take note of a report; whether it may have changed a light."""
        match report:
            case TagsChanged(tags=tags, prompt=Prompt.A):
                self._tags = frozenset(map(fold_tag, tags))
            case JobChanged(id=job, state=JobState.QUEUED | JobState.RUNNING):
                self._jobs.add(job)
            case JobChanged(id=job):
                self._jobs.discard(job)
            case AuditionState(playing=playing):
                return self._switch("audition.play", playing is not Playing.STOPPED)
            case LiveChanged(on=on):
                return self._switch("live", on)
            case DeckChanged(favourite=on):
                return self._switch("audition.favourite", on)
            case AuditionSettings(loop=loop, follow=follow):
                loop_changed = self._switch("audition.loop", loop)
                return self._switch("audition.follow", follow) or loop_changed
            case _:
                return False
        return True

    def is_on(self, action: Action) -> bool:
        """Whether the light of an action is on."""
        if action.row.name == "tag":
            return fold_tag(action.argument) in self._tags
        if action.row.name == "generate":
            return bool(self._jobs)
        return action.row.name in self._on

    def press(self, action: Action, number: int | None = None) -> Command:
        """What to send when an action is triggered; a toggle goes to where it is not.

        ``number`` is the program of a program change. Believed before it is reported: the
        next press may come first.
        """
        on = not self.is_on(action)
        command = action.command(Press(number, on))
        if action.row.name == "tag":
            self._tags ^= {fold_tag(action.argument)}
        elif action.row.toggles:
            self._switch(action.row.name, on)
        return command

    def _switch(self, name: str, on: bool) -> bool:
        changed = on is not (name in self._on)
        (self._on.add if on else self._on.discard)(name)
        return changed
