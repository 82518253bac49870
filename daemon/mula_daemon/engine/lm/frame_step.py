"""The arithmetic of one frame on buffers that never move: run as it is, or recorded.

Everything that changes from frame to frame lies in tensors: the frame before, its clock token,
the slot to write, noise, and the knobs. So the same work can be recorded once as a CUDA graph and
replayed for every frame of every job, whatever the knobs do (see `frame_graph`). Noise is drawn
outside, by `FrameLoop`: generators belong to jobs, graphs to the process.

Engine process only; one thread at a time.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from mula_daemon.engine.lm.sampling import KnobTensors, choices, choose, guide, prepare
from mula_daemon.engine.lm.static_model import StaticModel
from mula_daemon.engine.lm.static_stack import StackState


class FrameStep:
    """Frames for ``takes`` takes in the rows of ``state``.

    ``clocked`` says whether the model hears a clock token with every frame, ``banned`` whether
    some codes may be ruled out.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: StaticModel,
        takes: int,
        state: StackState,
        *,
        clocked: bool = False,
        banned: bool = False,
    ) -> None:
        config, device = model.config, model.device
        self.model = model
        self.takes = takes
        self.state = state
        """Keys and values of the backbone."""
        self.groups = state.rows // takes
        self.knobs = KnobTensors.create(device=device)

        def ids(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.int64, device=device)

        self.codes = ids(takes, config.codebooks)
        """[N, C] of the newest frame."""
        self.clock = ids(1) if clocked else None
        """That of the frame to be made."""
        self.slot = ids(1)
        """The next one to be written."""
        self.bias = torch.full(
            (state.rows, config.backbone.kv_heads, state.slots),
            -torch.inf,
            dtype=model.dtype,
            device=device,
        )
        """What is added to attention scores: a slot counts from when it is written, with 0."""
        books, vocab = config.codebooks, config.audio_vocab
        self.noise = torch.ones(takes, books, choices(vocab), device=device)
        self.bans = torch.zeros(books, vocab, device=device) if banned else None
        """[C, V] added to guided logits; -inf rules a code out."""
        self._bans_of_books = None if self.bans is None else self.bans.unbind(0)
        self._inside = model.decoder_state(state.rows)

    @torch.inference_mode()
    def run(self, extent: int) -> None:
        """The next frame's ``codes``, attending to slots ``0..extent-1``."""
        self.sample(self.advance(extent))

    def advance(self, extent: int) -> Tensor:
        """Read ``codes``, and the clock: the hidden states [R, D] that predict the next frame."""
        model = self.model
        x = torch.cat([model.embed_frames(self.codes, self.clock)] * self.groups)  # [R, D]
        self.bias.index_fill_(2, self.slot, 0.0)
        bias = self.bias[:, :, :extent].flatten(0, 1)[:, None]  # [R * M, 1, extent]
        hidden = model.backbone.one(x, self.state, extent, self.slot, bias)
        self.slot.add_(1)
        return hidden

    def sample(self, hidden: Tensor, kept: list[Tensor] | None = None) -> None:
        """Choose ``codes`` with the knobs and the noise; logits [R, V] are appended to ``kept``."""
        knobs, bans = self.knobs, self._bans_of_books
        draw = prepare(self.noise, knobs.temperature, knobs.top_k)

        def pick(codebook: int, logits: Tensor) -> Tensor:
            guided = guide(logits, knobs.cfg, knobs.morph, self.takes)
            return choose(guided, draw, codebook, None if bans is None else bans[codebook])

        self.fill(hidden, pick, kept)

    def fill(
        self,
        hidden: Tensor,
        pick: Callable[[int, Tensor], Tensor],
        kept: list[Tensor] | None = None,
    ) -> None:
        """``codes``, codebook by codebook; ``pick`` makes codes [N] of logits [R, V]."""
        model, state = self.model, hidden
        codes: list[Tensor] = []
        for codebook in range(model.config.codebooks):
            if codebook == 1:
                state = model.open_frame(hidden, codes[0], self._inside)
            elif codebook > 1:
                state = model.next_codebook(codebook - 1, codes[-1], self._inside)
            logits = model.logits(codebook, state)  # [R, V]
            if kept is not None:
                kept.append(logits)
            codes.append(pick(codebook, logits))
        torch.stack(codes, dim=1, out=self.codes)
