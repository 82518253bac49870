"""Reading prompts and a history into caches, a piece at a time, beside a job that runs on.

A job begins with one, of its prompts alone. Another one takes over when tags or lyrics change
while it runs, or when the model's positions run out; it reads what was played as well.

Pieces begin at multiples of a fixed length, so what is read depends on prompts, history and the
frame of the swap alone, and not on when the reading was done: a performance can be made again.

On a GPU all of it is made, read and written on one stream beside that of the frames, the same for
every priming of a player. What is dropped while it is being read goes back to that stream's own
memory, where only work behind it gets it; and the host never waits. Nobody has run it on a card:
the tests order it with a checker on the CPU. Engine process only; one thread at a time.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mula_daemon.engine.lm.frame_graph import extent_of
from mula_daemon.engine.lm.history import History
from mula_daemon.engine.lm.static_model import StaticModel
from mula_daemon.engine.lm.static_stack import StackState
from mula_daemon.engine.lm.upload import uploaded

PIECE_ON_CPU, PIECE_ELSEWHERE = 64, 256  # positions read at once


@dataclass(frozen=True)
class PromptTokens:
    """One prompt as text ids; ``clock`` is the clock token of frame 0, None without a clock."""

    tags_ids: Sequence[int]
    lyrics_ids: Sequence[int]
    clock: int | None = None


class Priming:
    """What ``prompts`` and ``history`` leave in the caches of ``takes`` takes.

    The history is read from frame ``first`` on, and followed while it grows: its newest frame
    stays out, being the input of the next step. ``window`` is the number of frames, history
    included, that the caches shall hold. ``beside`` is the stream to read on; None: the current
    one. Raises ``ValueError`` for prompts that do not go together, and when all that is more than
    the model's positions.

    It is told where its caches are by `read_into`, before it reads.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: StaticModel,
        prompts: Sequence[PromptTokens],
        takes: int,
        window: int,
        history: History,
        first: int = 0,
        beside: torch.cuda.Stream | None = None,
    ) -> None:
        if len(prompts) not in (1, 2) or len({prompt.clock for prompt in prompts}) != 1:
            raise ValueError("one prompt, or two that begin at the same clock token")
        self.model = model
        self.prompts = tuple(prompts)
        self.groups = len(prompts) + 1
        self.first = first
        self.used = 0
        """Slots written so far."""
        self.hidden: Tensor | None = None
        """[R, D] of the last position read."""
        self._history = history
        on_cpu = model.device.type == "cpu"
        self._piece = PIECE_ON_CPU if on_cpu else PIECE_ELSEWHERE
        self._stream = beside
        self._state: StackState | None = None
        with self._beside():
            x, counts = self._embed_prompts()  # [groups, P, D], [groups, P]
            self._prompt = x.repeat_interleave(takes, 0)  # [R, P, D]
            self._counts = counts.repeat_interleave(takes, 0)  # [R, P]
        length = self._counts.shape[1]
        most = model.config.backbone.max_positions
        if length + window > most:
            raise ValueError(
                f"{length} prompt positions and {window} frames are more than the "
                f"model's {most} positions"
            )
        self.slots = extent_of(length + window)
        """How many the caches need."""

    @torch.inference_mode()
    def tag_takes(self, tags_ids: Sequence[Sequence[int]]) -> None:
        """Give each take tags of its own, in place of those of the first prompt, before any of it
        is read. Raises ``ValueError`` unless there are as many as takes, each as long as those.
        """
        first = self.prompts[0]
        takes, length = self.rows // self.groups, len(first.tags_ids)
        if self.used or len(tags_ids) != takes or any(len(ids) != length for ids in tags_ids):
            raise ValueError(f"{takes} takes need tags of {length} ids each before they are read")
        end = self._counts.shape[1] - (first.clock is not None) - len(first.lyrics_ids) - 1
        with self._beside():
            ids = uploaded(tags_ids, self.model.device)
            self._prompt[:takes, end - length : end] = self.model.embed_text(ids)

    @property
    def rows(self) -> int:
        return len(self._counts)

    @torch.inference_mode()
    def read_into(self, state: StackState | None) -> StackState:
        """Write over ``state``, whose contents nobody needs, or over caches of its own if that is
        None or does not fit; whichever it is."""
        if state is None or state.rows != self.rows or state.slots < self.slots:
            with self._beside():
                state = self.model.backbone_state(self.rows, self.slots)
        self._state = state
        return state

    @property
    def state(self) -> StackState:
        """The caches that it was told to read into."""
        assert self._state is not None
        return self._state

    @torch.inference_mode()
    def read(self, pieces: int = 1) -> bool:
        """Read up to so many whole pieces more; True when less than one is left.

        On a GPU this only queues work, beside that of the running job: the host does not wait.
        """
        for _ in range(pieces):
            if self._available - self.used < self._piece:
                break
            self._read(self.used + self._piece)
        return self._available - self.used < self._piece

    @torch.inference_mode()
    def finish(self) -> None:
        """Read all that is left; what the current stream does next sees all of it.

        What it reads of this may be given up at once: whatever comes to lie there is written
        after it, for each piece of work beside it waits for the current stream first.
        """
        while self.used < self._available:
            self._read(min(self.used + self._piece, self._available))
        if self._stream is not None:
            torch.cuda.current_stream(self.model.device).wait_stream(self._stream)

    def bias(self, slots: int) -> Tensor:
        """What to add to attention scores, [R, slots]: 0 where a slot counts, else -inf."""
        seen = F.pad(self._seen(self.used), (0, slots - self.used))
        bias = torch.full(seen.shape, -torch.inf, dtype=self.model.dtype, device=seen.device)
        return bias.masked_fill_(seen, 0.0)

    @property
    def _available(self) -> int:
        """Positions that can be read now."""
        return self._counts.shape[1] + max(0, self._history.end - self.first - 1)

    def _read(self, stop: int) -> None:
        begin = self.used
        with self._beside():
            x = self._inputs(begin, stop)
            self.hidden = self.model.prefill(x, self._seen(stop), self.state, begin)
        self.used = stop

    def _beside(self) -> contextlib.AbstractContextManager[object]:
        if self._stream is None:
            return contextlib.nullcontext()
        # Which made the weights, and may still read what was handed over to it before.
        self._stream.wait_stream(torch.cuda.current_stream(self.model.device))
        return torch.cuda.stream(self._stream)

    def _seen(self, stop: int) -> Tensor:
        """Bool [R, stop]: which of the positions before ``stop`` are no padding."""
        length = self._counts.shape[1]
        return F.pad(self._counts[:, :stop], (0, max(0, stop - length)), value=True)

    def _inputs(self, begin: int, stop: int) -> Tensor:
        """[R, stop - begin, D]: the prompt's embeddings, then one for each frame played."""
        length = self._counts.shape[1]
        x = self._prompt[:, begin:stop]
        start, end = (self.first + max(0, position - length) for position in (begin, stop))
        if start == end:
            return x
        codes = uploaded(self._history.codes(start, end), self.model.device)
        clocks = self._history.clocks(start + 1, end + 1)
        text = None if clocks is None else uploaded(clocks, self.model.device)
        played = self.model.embed_frames(codes, text)  # [N, T, D]
        return torch.cat([x, torch.cat([played] * self.groups)], dim=1)

    def _embed_prompts(self) -> tuple[Tensor, Tensor]:
        """Every prompt, then the unconditional one, padded on the left: [groups, P, D], [.., P].

        RoPE knows differences of positions only, so padding that nobody sees changes nothing.
        """
        model = self.model
        embedded = []
        for prompt in self.prompts:
            tags, lyrics = (
                model.embed_text(uploaded(ids, model.device))
                for ids in (prompt.tags_ids, prompt.lyrics_ids)
            )
            embedded.append(torch.cat([tags, model.reserved[None], lyrics]))
        embedded.append(model.nothing.expand_as(embedded[0]))
        clock = self.prompts[0].clock
        if clock is not None:  # the same in every row, so that guidance never acts on it
            tick = model.embed_text(uploaded([clock], model.device))
            embedded = [torch.cat([x, tick]) for x in embedded]
        length = max(len(x) for x in embedded)
        counts = uploaded(
            [[False] * (length - len(x)) + [True] * len(x) for x in embedded],
            model.device,
            torch.bool,
        )
        return torch.stack([F.pad(x, (0, 0, length - len(x), 0)) for x in embedded]), counts
