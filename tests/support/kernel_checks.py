"""Our kernels in Triton's interpreter against float64, in a process of their own.

The interpreter is chosen when Triton is imported, so each check runs as ``python -m
support.kernel_checks NAME``; `interpreted` does that from a test. It has no bfloat16 that can be
trusted: inputs are float16 and float32 here.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

TESTS = Path(__file__).parent.parent
FORMS = ("plain", "int8", "int4")


def interpreted(check: Callable[[], None], limit: float = 280) -> str:
    """What ``check`` prints there; AssertionError with all that it said where it fails."""
    search = os.pathsep.join([str(TESTS), *sys.path])
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": search, **threads}
    done = subprocess.run(
        [sys.executable, "-m", "support.kernel_checks", check.__name__],
        env=environment,
        capture_output=True,
        text=True,
        timeout=limit,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def distance(ours: Tensor, exact: Tensor) -> float:
    """Relative L2."""
    return float((ours.double() - exact).norm() / exact.norm())


@dataclass
class Case:
    form: str
    rows: int
    depth: int
    columns: int
    dtype: torch.dtype
    normed: bool = False
    gated: bool = False
    added: bool = False
    wide: bool = True

    def check(self) -> None:
        """Sums are float32: only what comes out may be rounded to fewer bits."""
        from mula_daemon.engine.lm.kernels.few_rows import product

        x = (torch.randn(self.rows, self.depth) * 0.5).to(self.dtype)
        weights, exact = _matrix(self.form, self.columns, self.depth, self.dtype)
        floor = torch.tensor(3.0)
        wanted = x.double()
        if self.normed:
            wanted = wanted / torch.hypot(wanted.norm(dim=1, keepdim=True), floor.double())
        wanted = wanted @ exact.t()
        if self.gated:
            gate, up = wanted.chunk(2, 1)
            wanted = F.silu(gate) * up
        kind = torch.float32 if self.wide else self.dtype
        out = None
        if self.added:
            out = torch.randn(wanted.shape).to(kind)
            wanted = wanted + out.double()
        got = product(
            x,
            weights,
            out=out,
            dtype=kind,
            floor=floor if self.normed else None,
            gated=self.gated,
            added=self.added,
        )
        assert got.dtype == kind and got.shape == wanted.shape, self
        assert out is None or got is out
        limit = 2e-6 if kind == torch.float32 else 4e-4
        assert distance(got, wanted) < limit, (self, distance(got, wanted))


def _matrix(form: str, columns: int, depth: int, dtype: torch.dtype) -> tuple[Any, Tensor]:
    """Weights for the kernel, and what they stand for in float64."""
    from mula_daemon.engine.lm.kernels.few_rows import Weights, pack_int4
    from mula_daemon.engine.lm.products.quantise import quantise_int4, quantise_int8

    weight = torch.randn(columns, depth) * 0.05
    if form == "plain":
        weight = weight.to(dtype)
        return Weights(weight, None, depth), weight.double()
    if form == "int8":
        levels, scales = quantise_int8(weight)
        return Weights(levels, scales, depth), levels.double() * scales.double()[:, None]
    levels, both = quantise_int4(weight, 64)
    both = both.half()
    scale, middle = both.double().transpose(0, 1)[..., None, :].unbind(-1)
    packed = pack_int4(levels, both)
    exact = ((levels.view(columns, -1, 64) - 8) * scale + middle).flatten(1)
    assert distance(packed.widened(torch.float64), exact) < 1e-6
    return packed, exact


def ragged_products() -> None:
    """Every form with everything before and behind it, 1 to 40 rows, columns that fill no tile."""
    chance = random.Random(5)
    rows = [1, 2, 15, 16, 17, 33, 40]
    for form in FORMS:
        for count in rows:
            flags = [chance.random() < 0.5 for _ in range(4)]
            half = form == "int4" or chance.random() < 0.5
            depth = chance.choice([64, 128, 320, 640] if form == "int4" else [24, 130, 300, 512])
            Case(
                form,
                count,
                depth,
                2 * chance.randint(1, 50),
                torch.float16 if half else torch.float32,
                *flags,
            ).check()


def products_at_true_depths() -> None:
    """What the 3B model and the local decoder multiply, in some of its columns."""
    half = torch.float16
    for form in FORMS:
        Case(form, 2, 3072, 70, half, normed=True).check()
        Case(form, 4, 3072, 64, half, normed=True, gated=True).check()
        Case(form, 2, 8192, 36, half, added=True, wide=False).check()
    Case("plain", 2, 3072, 101, half).check()


def a_head_at_its_true_size() -> None:
    """3072 -> 8197: the last program has five columns."""
    Case("int8", 2, 3072, 8197, torch.float16).check()


def attention() -> None:
    """Turned, written and attended to, over one chunk and over several; nothing unwritten read."""
    from mula_daemon.engine.lm.kernels import attention as module

    cases = [  # rows, heads, group, head, slots, extent, slot, new, biased, chunk
        (2, 2, 3, 128, 192, 128, 77, 1, True, 512),
        (1, 1, 1, 24, 64, 64, 63, 1, False, 512),
        (2, 4, 2, 384, 8, 2, 0, 2, False, 512),
        (2, 4, 2, 384, 8, 8, 7, 1, False, 512),
        (2, 2, 3, 32, 256, 256, 200, 1, True, 64),
        (2, 2, 3, 32, 320, 256, 40, 1, True, 64),
        (1, 2, 4, 12, 64, 64, 0, 1, True, 32),
        (2, 1, 8, 16, 64, 50, 30, 4, False, 16),
        (3, 2, 1, 16, 200, 130, 97, 1, True, 16),
    ]
    for dtype, limit in ((torch.float16, 2e-3), (torch.float32, 2e-6)):
        for rows, heads, group, head, slots, extent, slot, new, biased, chunk in cases:
            module.CHUNK = chunk
            turns = _turns(head, slots, group)
            qkv = torch.randn(rows * new, heads * (group + 2) * head).to(dtype)
            pairs = torch.randn(rows * heads, 2, slots, head).to(dtype)
            pairs[:, :, slot + new :] = torch.nan
            bias = None
            if biased:
                full = torch.full((rows, heads, slots), -torch.inf).to(dtype)
                full[:, :, min(3, slot) : slot + 1] = 0.0
                full[0, 0, slot] = 0.5
                bias = full[:, :, :extent].flatten(0, 1)[:, None]
            shape = (rows, new, heads, group, head)
            wanted, written = _attended(qkv, turns, pairs, slot, bias, shape)
            kept = pairs.clone()
            got = module.mix(qkv, turns, pairs, torch.tensor([slot]), extent, bias, new)
            place = slice(slot, slot + new)
            assert distance(got, wanted) < limit, (shape, dtype, distance(got, wanted))
            assert distance(pairs[:, :, place], written) < limit
            pairs[:, :, place] = kept[:, :, place] = 0.0
            assert torch.equal(pairs.nan_to_num(), kept.nan_to_num())


def _turns(head: int, slots: int, group: int) -> Tensor:
    from mula_daemon.engine.lm.rope import RopeScaling, rotations

    turns = rotations(head, slots, RopeScaling(), torch.device("cpu"))[:, None]
    return torch.cat([turns.expand(-1, group + 1, -1), torch.ones_like(turns)], dim=1)


def _attended(
    qkv: Tensor,
    turns: Tensor,
    pairs: Tensor,
    slot: int,
    bias: Tensor | None,
    shape: tuple[int, int, int, int, int],
) -> tuple[Tensor, Tensor]:
    """[R * new, M * G * H] and what was written, [R * M, 2, new, H], in float64."""
    rows, new, heads, group, head = shape
    each = qkv.double().view(rows, new, heads, group + 2, head)
    turned = torch.view_as_complex(each.unflatten(-1, (-1, 2)).contiguous())
    turned = turned * turns[slot : slot + new, None].to(torch.complex128)
    each = torch.view_as_real(turned).flatten(-2)
    written = each[..., group:, :].permute(0, 2, 3, 1, 4).flatten(0, 1)  # [B, 2, new, H]
    known = torch.cat([pairs[:, :, :slot].double(), written], dim=2).unflatten(0, (rows, heads))
    scores = torch.einsum("rnmgh,rmth->rnmgt", each[..., :group, :], known[:, :, 0])
    if bias is not None:
        scores = scores + bias.double().view(rows, 1, heads, 1, -1)[..., : slot + new]
    later = torch.ones(new, slot + new, dtype=torch.bool).triu(slot + 1)
    scores = scores.masked_fill(later[None, :, None, None], -torch.inf)
    mixed = torch.einsum("rnmgt,rmth->rnmgh", scores.softmax(-1), known[:, :, 1])
    return mixed.reshape(rows * new, -1), written


def sums_do_not_depend_on_the_extent() -> None:
    """A recording for more slots makes the very numbers of one for fewer."""
    from mula_daemon.engine.lm.kernels import attention as module

    module.CHUNK = 32
    turns = _turns(16, 256, 3)
    qkv, pairs = torch.randn(2, 2 * 5 * 16), torch.randn(4, 2, 256, 16)
    slot = torch.tensor([50])
    first = module.mix(qkv, turns, pairs, slot, 64)
    for extent in (96, 256):
        assert torch.equal(module.mix(qkv, turns, pairs, slot, extent), first)


def norms() -> None:
    """Rows of length 1, and less near zero, as the plain form makes them."""
    from mula_daemon.engine.lm.kernels.norm import unit

    for dtype, limit in ((torch.float16, 4e-4), (torch.float32, 1e-6)):
        for depth in (24, 3072):
            x = torch.randn(3, depth)
            x[1] *= 1e-3
            x = x.to(dtype)
            floor = torch.tensor((depth * 1e-5) ** 0.5)
            length = x.double().norm(dim=1, keepdim=True)
            wanted = x.double() / torch.hypot(length, floor.double())
            assert distance(unit(x, floor), wanted) < limit
            assert (unit(x, floor)[1].double().norm() - wanted[1].norm()).abs() < 1e-3


def the_trial() -> None:
    """What is tried before the kernels are used: right ones pass, and each wrong one is named."""
    from unittest import mock

    from mula_daemon.engine.lm.kernels import few_rows, trial

    cpu, half = torch.device("cpu"), torch.float16
    assert trial.failed(cpu, half) == ""

    def spoiled(name: str) -> Callable[..., Tensor]:
        right = getattr(trial, name)
        return lambda *given, **named: right(*given, **named).mul_(1.1)

    for name, said in (("unit", "norm"), ("product", "float16 product"), ("mix", "attention")):
        with mock.patch.object(trial, name, spoiled(name)):
            assert trial.failed(cpu, half) == said
    for form, said in ((few_rows.INT8, "int8 product"), (few_rows.INT4, "int4 product")):
        right = trial.product

        def wrong(x: Tensor, weights: Any, form: int = form, **named: Any) -> Tensor:
            made = right(x, weights, **named)  # noqa: B023
            return made * torch.nan if weights.form == form else made

        with mock.patch.object(trial, "product", wrong):
            assert trial.failed(cpu, half) == said


def whole_steps() -> None:
    """Frames of a toy model on the kernels are those of the plain path, weights being the same."""
    from dataclasses import replace

    from mula_daemon.engine.lm import Flavour, LMConfig, Precision

    small = LMConfig(Flavour(2, 4, 2, 32, 48, 256), Flavour(1, 2, 1, 24, 40, 16), 30, 19, 4)
    alone = replace(small, backbone=Flavour(1, 2, 1, 16, 24, 256), norm_eps=1e-3)
    grouped = LMConfig(Flavour(1, 4, 2, 64, 128, 256), Flavour(1, 2, 2, 64, 64, 16), 30, 19, 3)
    for config, precision, dtype, limit in (
        (small, Precision.BFLOAT16, torch.float32, 1e-5),
        (alone, Precision.INT8, torch.float32, 1e-5),
        (grouped, Precision.INT4, torch.float16, 1e-2),
    ):
        _steps(config, precision, dtype, limit)


def _steps(config: Any, precision: Any, dtype: torch.dtype, limit: float) -> None:
    from mula_daemon.engine.lm.kernels import attention as attention_module

    attention_module.CHUNK = 16  # slots 16 to 31 are a second chunk, to be joined
    launched: list[str] = []
    with _served(dtype, launched):
        model = _toy(config, precision)
    codes = torch.randint(config.audio_vocab, (2, config.codebooks))
    x = torch.randn(2, 20, config.backbone.width).to(dtype)
    with _served(dtype, launched):
        ours = _logits(model, x, codes)
    layers = config.backbone.layers
    # Two steps of the backbone, the second with the joining of its chunks; all of the decoder's.
    few = (config.codebooks - 1) * (5 * config.decoder.layers + 1)
    assert launched.count("scale") == 2 + config.codebooks - 1
    assert launched.count("join") == 2 * layers
    assert len(launched) >= 2 * (6 * layers + 1) + few
    for stack in (model.backbone, model.decoder):
        stack.steps = None
    wanted = _logits(model, x, codes)
    assert distance(ours, wanted.double()) < limit, (precision, distance(ours, wanted.double()))


def _toy(config: Any, precision: Any) -> Any:
    from mula_daemon.engine.lm import LanguageModel, StaticModel

    model = LanguageModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3 if parameter.dim() > 1 else 1.0)
    return StaticModel(model, precision=precision)


def _logits(model: Any, x: Tensor, codes: Tensor) -> Tensor:
    """[steps and codebooks, R, V] after 18 positions read at once, with padding in row 1."""
    state, inside = model.backbone_state(2, 32), model.decoder_state(2)
    counts = torch.ones(2, 18, dtype=torch.bool)
    counts[1, :3] = False
    bias = torch.full((len(state.pairs[0]), 1, 32), -torch.inf, dtype=x.dtype)
    bias[:, :, :18] = 0.0
    bias[len(bias) // 2 :, :, :3] = -torch.inf
    logits = []
    with torch.inference_mode():
        model.prefill(x[:, :18].clone(), counts, state)
        for position in (18, 19):
            bias[:, :, position] = 0.0
            slot = torch.tensor([position])
            hidden = model.backbone.one(x[:, position].clone(), state, 32, slot, bias)
            logits.append(model.logits(0, hidden))
        within = model.open_frame(hidden, codes[:, 0], inside)
        logits.append(model.logits(1, within))
        for codebook in range(1, model.config.codebooks - 1):
            within = model.next_codebook(codebook, codes[:, codebook], inside)
            logits.append(model.logits(codebook + 1, within))
    return torch.stack(logits)


@contextmanager
def _served(dtype: torch.dtype, launched: list[str]) -> Iterator[None]:
    """The CPU taken for a card that our kernels serve; ``launched`` gets their names."""
    from unittest import mock

    from mula_daemon.engine.lm import kernels, static_model, static_stack
    from mula_daemon.engine.lm.kernels import attention, few_rows, launching, norm
    from mula_daemon.engine.lm.precision import Precision
    from mula_daemon.engine.lm.products import cuda

    def launch(kernel: Any, *arguments: Any, **named: Any) -> None:
        launched.append(kernel.fn.__name__)
        launching.launch(kernel, *arguments, **named)

    with (
        mock.patch.object(kernels, "serve", lambda device: True),
        mock.patch.object(static_stack, "pack", cuda.pack),
        mock.patch.object(static_model, "pack", cuda.pack),
        mock.patch.object(Precision, "arithmetic", lambda self, device: dtype),
        mock.patch.object(attention, "launch", launch),
        mock.patch.object(few_rows, "launch", launch),
        mock.patch.object(norm, "launch", launch),
    ):
        yield


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(1)
    globals()[sys.argv[1]]()
