"""MIDI learn in the daemon: touch a control, and it is bound and kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from mula_bridge.bindings import Learner, Learnt, write_learnt
from mula_bridge.control.messages import Failed, KnobLearnt
from mula_bridge.errors import MulaError
from mula_bridge.servers.midi import MidiSource

LEARN: Final = "/mula/learn/start"
"""Where it is said that nothing was learnt, or that it could not be kept: learning has ended."""


def default_learnt_file() -> Path:
    """Where learnt controls are kept: beside the user's own maps, never in them."""
    from platformdirs import user_data_path

    return user_data_path("mulabridge", appauthor=False) / "learnt.yaml"


class MidiLearning:
    """Learns one control at a time from ``midi`` into ``file``.

    ``changed`` is called after each, so that the new binding is used at once; ``post``
    tells what was learnt, or why nothing was, or could be kept. Both on the MIDI thread.
    """

    def __init__(
        self,
        midi: MidiSource,
        file: Path,
        changed: Callable[[], None],
        post: Callable[[Failed | KnobLearnt], None],
    ) -> None:
        self._midi = midi
        self._file = file
        self._changed = changed
        self._post = post

    def learn(self, knob: str) -> None:
        """Bind what is touched next to ``knob``; whatever else was to be learnt is not. Any thread.
        Raises UnknownName and Busy."""
        self._midi.learn(Learner(knob), self._keep)

    def stop_learning(self) -> None:
        """Move knobs again; nothing is posted. Any thread. Raises Busy."""
        self._midi.stop_learning()

    def _keep(self, learnt: Learnt | MulaError) -> None:
        if isinstance(learnt, MulaError):
            self._post(Failed(LEARN, learnt.code, str(learnt)))
            return
        try:
            write_learnt(self._file, learnt)
        except (MulaError, OSError) as error:
            self._post(Failed(LEARN, "learn", f"{self._file}: {error}"))
            return
        except Exception as error:  # a fault of ours, but whoever waits must hear of an end
            self._post(Failed(LEARN, "learn", f"{self._file} was not written: {error!r}"))
            raise
        self._changed()
        self._post(KnobLearnt(learnt.knob, describe(learnt)))


def describe(learnt: Learnt) -> str:
    """A learnt control in words: ``cc 16, channel 1 of nanoKONTROL2*``."""
    parts = ", ".join(f"{kind} {value}" for kind, value in learnt.source.items())
    return f"{parts} of {learnt.port}"
