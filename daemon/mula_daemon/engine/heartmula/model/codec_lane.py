"""Codec work beside the language model's: on a GPU, a stream of its own. Engine process only.

On a CPU everything is done at once, in the calling thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from mula_daemon.audio import Samples


@dataclass(frozen=True)
class Pending:
    """Sound on its way to the host: ``event`` tells when it has arrived; None: it has."""

    host: Tensor
    event: torch.cuda.Event | None

    @property
    def ready(self) -> bool:
        return self.event is None or bool(self.event.query())  # type: ignore[no-untyped-call]

    def wait(self) -> Samples:
        """The samples, float32 [S, 2]; blocks until they are there."""
        if self.event is not None:
            self.event.synchronize()
        samples: Samples = self.host.numpy()
        return samples


class CodecLane:
    """Work in the order it was given; one lane for all takes of a job."""

    def __init__(self, device: torch.device) -> None:
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def start(self, work: Callable[[], Tensor]) -> Pending:
        """Queue ``work``, which makes sound [S, 2] on the codec's device."""
        with nullcontext() if self._stream is None else torch.cuda.stream(self._stream):
            sound = work()
            if self._stream is None:
                return Pending(sound.cpu(), None)
            host = torch.empty(sound.shape, dtype=sound.dtype, pin_memory=True)
            host.copy_(sound, non_blocking=True)
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record(self._stream)
        return Pending(host, event)


class LaneArrivals:
    """The pending sound of one take, handed over in order."""

    def __init__(self) -> None:
        self._pending: deque[Pending] = deque()

    def add(self, pending: Pending) -> None:
        """Behind all others."""
        self._pending.append(pending)

    def take(self, *, wait: bool = False) -> list[Samples]:
        """What is there; all of it, with ``wait``."""
        found = []
        while self._pending and (wait or self._pending[0].ready):
            found.append(self._pending.popleft().wait())
        return found
