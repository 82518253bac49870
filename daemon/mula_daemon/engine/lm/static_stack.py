"""A transformer stack made for generating: fused weights and static key-value caches.

What is fused, once, when the stack is packed:

* q, k and v become one product, and gate and up one. Its columns are grouped by key-value
  head, so that the queries of a group sit beside the key and value they share.
* The scale of each norm goes into the rows of the product that follows it, and so does the
  ``sqrt(width)`` by which a root-mean-square differs from a length. `unit` remains.
* ``1 / sqrt(head_dim)`` goes into q.

The products are packed by `products.pack`, in the precision asked for. Where all of them are our
own kernels', the steps of a frame are too (`kernels.Steps`); the plain ones are their reference.

Engine process only; not thread-safe.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mula_daemon.engine.lm.attention import attend, prepare
from mula_daemon.engine.lm.kernels import Steps
from mula_daemon.engine.lm.precision import Precision
from mula_daemon.engine.lm.products import KernelProduct, Product, pack
from mula_daemon.engine.lm.rope import rotate, rotations
from mula_daemon.engine.lm.transformer import Block, Stack


class PackedLayer(NamedTuple):
    """The four products of one layer."""

    qkv: Product  # [D, M * (G + 2) * H]
    out: Product  # [D, D]
    gate_up: Product  # [D, 2 * F]
    down: Product  # [F, D]


class Window(NamedTuple):
    """Views of a `StackState` that reach from slot 0 to slot ``extent - 1``."""

    turns: Tensor  # complex64 [G + 2, H / 2]: the angles of the last slot
    layers: list[tuple[Tensor, Tensor, Tensor]]  # keys [B, H, extent], values, last pair


class StackState:
    """What a stack remembers and scribbles on for ``rows`` rows of up to ``slots`` positions.

    All of it is allocated here, once; the steps only write into it.
    """

    def __init__(self, stack: StaticStack, rows: int, slots: int) -> None:
        flavour, head = stack.flavour, stack.flavour.head_dim
        group, batch = flavour.heads // flavour.kv_heads, rows * flavour.kv_heads
        self.slots = slots
        self.rows = rows
        prepare(group, head, slots, stack.device)

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=stack.dtype, device=stack.device)

        self.pairs = zeros(flavour.layers, batch, 2, slots, head)  # keys and values
        # G queries and the key turn with their position; the value stays.
        turns = rotations(head, slots, stack.scaling, stack.device)[:, None]
        self.turns = torch.cat([turns.expand(-1, group + 1, -1), torch.ones_like(turns)], dim=1)
        self.numbers = torch.arange(slots, device=stack.device)
        """Every slot's, int64, for kernels to be told one where no host is asked."""
        self._windows: dict[int, Window] = {}

        self.qkv = zeros(rows, flavour.kv_heads * (group + 2) * head)
        self.grouped = self.qkv.view(batch, group + 2, head)
        self.query = self.grouped[:, :group]  # [B, G, H]
        self.pair = self.grouped[:, group:]  # [B, 2, H]
        self.mixed = zeros(batch, group, head)
        self.mixed_rows = self.mixed.view(rows, -1)  # [R, D]
        self.gate_up = zeros(rows, 2 * flavour.feed_forward)
        self.gate, self.up = self.gate_up.chunk(2, -1)  # [R, F] each

    def window(self, extent: int) -> Window:
        """The first ``extent`` slots."""
        if extent not in self._windows:
            self._windows[extent] = Window(
                self.turns[extent - 1],
                [
                    (pairs[:, 0, :extent].mT, pairs[:, 1, :extent], pairs[:, :, extent - 1])
                    for pairs in self.pairs
                ],
            )
        return self._windows[extent]


class StaticStack:
    """A `Stack` packed for inference. Weights that need no change may share its memory.

    With ``release`` each block of ``stack`` is emptied as soon as it is packed, so that no second
    copy of everything exists.
    """

    def __init__(
        self, stack: Stack, device: torch.device, precision: Precision, release: bool = False
    ) -> None:
        self.flavour = stack.flavour
        self.scaling = stack.scaling
        self.device = device
        self.precision = precision
        self.dtype = precision.arithmetic(device)
        width = stack.flavour.width
        self.floor = torch.tensor((width * stack.norm.eps) ** 0.5, device=device)
        self.layers: list[PackedLayer] = []
        for block in stack.layers:
            assert isinstance(block, Block)
            self.layers.append(self._pack(block))
            if release:
                empty(block)
        self.steps = self._on_kernels()
        """For few rows, instead of the plain ones; None where our kernels do not serve."""

    @property
    def nbytes(self) -> int:
        """Of the weights."""
        return sum(product.nbytes for layer in self.layers for product in layer)

    def _pack(self, block: Block) -> PackedLayer:
        flavour, attn, mlp = self.flavour, block.attn, block.mlp
        head, width = flavour.head_dim, flavour.width
        query = attn.q_proj.weight.float().view(flavour.kv_heads, -1, head, width) * head**-0.5
        key = attn.k_proj.weight.view(flavour.kv_heads, 1, head, width)
        value = attn.v_proj.weight.view(flavour.kv_heads, 1, head, width)
        qkv = torch.cat([query, key, value], dim=1).reshape(-1, width)
        gate_up = torch.cat([mlp.w1.weight, mlp.w3.weight])
        return PackedLayer(
            self.lay(qkv, block.sa_norm.scale),
            self.lay(attn.output_proj.weight),
            self.lay(gate_up, block.mlp_norm.scale),
            self.lay(mlp.w2.weight),
        )

    def _on_kernels(self) -> Steps | None:
        layers = [
            [product.weights for product in layer if isinstance(product, KernelProduct)]
            for layer in self.layers
        ]
        if any(len(layer) < len(PackedLayer._fields) for layer in layers):
            return None
        return Steps(layers, self.floor)

    def lay(self, weight: Tensor, scale: Tensor | None = None) -> Product:
        """[out, in] packed, with the ``scale`` [in] of a norm before it."""
        weight = weight.detach()
        if scale is not None:
            weight = weight.float() * (scale.detach().float() * len(scale) ** 0.5)
        return pack(weight, self.precision, self.device)

    def unit(self, x: Tensor) -> Tensor:
        """[..., D] scaled to length 1 (less near zero: the norm's epsilon is in there)."""
        length = torch.linalg.vector_norm(x, 2, -1, True, dtype=torch.float32)
        out: Tensor = x / length.hypot_(self.floor)
        return out if out.dtype == x.dtype else out.to(x.dtype)

    def one(
        self,
        x: Tensor,
        state: StackState,
        extent: int,
        slot: Tensor | None = None,
        bias: Tensor | None = None,
    ) -> Tensor:
        """One new position for every row: [R, D] -> [R, D], scaled by `unit`. Overwrites ``x``.

        It goes into ``slot`` (int64 [1], on the device; the last of the extent without one) and
        attends to slots ``0..extent-1``, with ``bias`` [B, 1, extent] added to the scores, which
        has to rule out the slots behind it. Nothing is read back to the host.
        """
        if self.steps is not None:
            slot = state.numbers[extent - 1 : extent] if slot is None else slot
            return self.steps.run(x, state.pairs, state.turns, slot, extent, bias)
        window = state.window(extent)
        turns = window.turns if slot is None else state.turns.index_select(0, slot)
        for index, layer in enumerate(self.layers):
            keys, values, last = window.layers[index]
            layer.qkv.into(state.qkv, self.unit(x))
            turn(state.grouped, turns)
            if slot is None:
                last.copy_(state.pair)
            else:
                state.pairs[index].index_copy_(2, slot, state.pair[:, :, None])
            attend(state.query, keys, values, bias, state.mixed)
            layer.out.add(x, state.mixed_rows)
            layer.gate_up.into(state.gate_up, self.unit(x))
            layer.down.add(x, F.silu(state.gate).mul_(state.up))
        return self.unit(x)

    def two(self, x: Tensor, state: StackState) -> Tensor:
        """The first two positions of every row: [R, 2, D] -> the second's hidden state [R, D].
        May overwrite ``x``."""
        if self.steps is None:
            return self.start(x, state)
        begin = state.numbers[:1]
        out = self.steps.run(x.flatten(0, 1), state.pairs, state.turns, begin, 2, new=2)
        return out.view(x.shape)[:, 1]

    def start(
        self, x: Tensor, state: StackState, mask: Tensor | None = None, begin: int = 0
    ) -> Tensor:
        """S positions at once, into slots ``begin..begin+S-1``: [R, S, D] -> the last's [R, D].

        ``mask`` (bool [R, 1, S, begin+S]) says who sees whom; without one, for the first
        positions only, it is causal. In the last layer the others leave keys and values alone.
        """
        flavour = self.flavour
        heads, head = flavour.kv_heads, flavour.head_dim
        group = flavour.heads // heads
        rows, length, width = x.shape
        end = begin + length
        if mask is None:
            mask = torch.ones(1, 1, length, end, dtype=torch.bool, device=x.device).tril_(begin)
        seen = mask.repeat(1, 1, group, 1)  # [R, 1, G * S, end]
        turns = state.turns[begin:end, None]  # [S, 1, G + 2, H / 2]
        flat = x.reshape(-1, width).clone()  # [R * S, D]
        for layer, pairs in zip(self.layers, state.pairs, strict=True):
            qkv = layer.qkv(self.unit(flat)).view(rows, length, heads, -1, head)
            turn(qkv, turns)
            qkv = qkv.permute(0, 2, 3, 1, 4)  # [R, M, G + 2, S, H]
            pairs[:, :, begin:end] = qkv[:, :, -2:].flatten(0, 1)
            known = pairs[:, :, :end].unflatten(0, (rows, heads))  # [R, M, 2, end, H]
            query = qkv[:, :, :-2]
            if layer is self.layers[-1]:
                query, length = query[:, :, :, -1:], 1
                seen = mask[:, :, -1:].repeat(1, 1, group, 1)
                flat = flat.view(x.shape)[:, -1].clone()
            # No fused kernel for CUDA knows groups and a mask: the group's queries count as more
            # positions, which read the same keys.
            mixed = F.scaled_dot_product_attention(
                query.flatten(2, 3), known[:, :, 0], known[:, :, 1], seen, scale=1.0
            ).view(rows, heads, group, length, head)  # one axis becomes two: always a view
            layer.out.add(flat, mixed.permute(0, 3, 1, 2, 4).reshape(-1, width))
            gate, up = layer.gate_up(self.unit(flat)).chunk(2, -1)
            layer.down.add(flat, F.silu(gate).mul_(up))
        return self.unit(flat)


def turn(x: Tensor, turns: Tensor) -> None:
    """Rotate ``x`` [..., H] in place by ``turns`` (complex64, broadcast against [..., H / 2])."""
    if x.dtype == torch.float32:
        x.view(torch.complex64).mul_(turns)
    else:
        x.copy_(rotate(x, turns))


def empty(module: nn.Module) -> None:
    """Give up the memory of a module's weights; it cannot be used afterwards."""
    for parameter in module.parameters():
        parameter.data = parameter.new_empty(0)
