"""Which files a checkpoint folder consists of, and whether they are sound. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from mula_bridge.errors import Unavailable
from mula_daemon.engine.heartmula.layout import ReleaseLayout
from mula_daemon.weights import flaw, is_half_replaced, tensors_of

INDEX: Final = "model.safetensors.index.json"
SINGLE: Final = "model.safetensors"
REMEDY: Final = "mula pull heartmula (or heartmula-rl) --into DIR fetches what is missing"
PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")

_REPACKS: Final = (
    ("bitsandbytes__nf4", "NF4 (bitsandbytes)"),
    ("bitsandbytes__fp4", "FP4 (bitsandbytes)"),
    (".absmax", "4-bit (bitsandbytes)"),
    (".SCB", "8-bit (bitsandbytes)"),
    (".g_idx", "GPTQ"),
    (".qweight", "AWQ or GPTQ"),
    (".q_weight", "EXL2"),
    (".trellis", "EXL3"),
    (".weight_packed", "compressed-tensors"),
    (".W_q", "HQQ"),
    (".weight_scale_inv", "FP8"),
    (".weight_scale", "FP8 or int8"),
    (".biases", "MLX"),
)
"""How keys end that only packed weights have, and who packs so."""
_FLOATS: Final = ("F64", "F32", "F16", "BF16")


class CheckpointError(Unavailable):
    """A checkpoint that cannot be used; the message names the file or key and what to do."""


def require_sound(layout: ReleaseLayout, *, is_recorded: bool = True) -> None:
    """See that every file of a release is there and is what it should be, as far as a glance tells.

    ``is_recorded`` False leaves out whether a pull into the folder has come to its end. Raises
    `CheckpointError`.
    """
    if is_recorded and is_half_replaced(layout.root):
        raise CheckpointError(
            f"{layout.root} holds files of two releases, because a pull was broken off; "
            "the same mula pull, with the same --into and --dtype, goes on"
        )
    for path in (layout.root / "gen_config.json", layout.root / "tokenizer.json"):
        _require_sound_file(path)
    for folder in (layout.model, layout.codec):
        _require_sound_file(folder / "config.json")
        for path in shards(folder):
            _require_sound_file(path)
        _refuse_repack(folder)


def shards(directory: Path) -> list[Path]:
    """The folder's safetensors files, whether they are there or not. Raises `CheckpointError`."""
    index = directory / INDEX
    if not index.is_file():
        if not (directory / SINGLE).is_file():
            _refuse_repack(directory)
        return [directory / SINGLE]
    files = read_json(index).get("weight_map")
    if not isinstance(files, dict) or not files:
        raise CheckpointError(f"{index}: key 'weight_map' missing; {REMEDY}")
    names = sorted({str(name) for name in files.values()})
    if any(
        Path(name).name != name or name.startswith(".") or not name.endswith(".safetensors")
        for name in names
    ):
        raise CheckpointError(
            f"{index}: names files that are no safetensors beside it; pickles can run code and "
            f"are never read: {REMEDY}"
        )
    if SINGLE not in names and (directory / SINGLE).is_file():
        raise CheckpointError(
            f"{directory} holds two sets of weights, {SINGLE} and those that {INDEX} names; which "
            "is meant cannot be told: move one of them away, or mula pull heartmula --into DIR "
            "moves aside what its release has not"
        )
    return [directory / name for name in names]


def missing(path: Path) -> CheckpointError:
    """The error for a file of weights that is not there."""
    found = sorted(each.name for each in path.parent.glob("[!.]*") if each.suffix in PICKLES)
    said = f" ({found[0]} is a pickle, which could run code, and is never read)" if found else ""
    if path.is_symlink():
        said = " (it is a link that leads nowhere)"
    return CheckpointError(f"{path} is missing{said}; {REMEDY}")


def damaged(path: Path, why: str) -> CheckpointError:
    """The error for a file that is not what it should be; ``why`` as in "is cut short"."""
    return CheckpointError(f"{path} {why}; delete it, and {REMEDY}")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises `CheckpointError`."""
    _require_sound_file(path)
    values = _of_file(path, lambda: json.loads(path.read_text(encoding="utf-8-sig")))
    if not isinstance(values, dict):
        raise damaged(path, "holds no JSON object")
    return values


def integer(values: Mapping[str, Any], key: str, path: Path) -> int:
    """``values[key]``, which ``path`` held, not negative. Raises `CheckpointError`."""
    value = values.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise CheckpointError(
            f"{path}: key {key!r} must be a whole number, not {value!r}; delete it, and {REMEDY}"
        )
    return value


def _require_sound_file(path: Path) -> None:
    if not path.is_file():
        raise missing(path)
    if (found := _of_file(path, lambda: flaw(path))) is not None:
        raise damaged(path, found)


def _refuse_repack(directory: Path) -> None:
    """Raises `CheckpointError` for weights that somebody has quantised, whose names it tells."""
    kind = next(_repacks(directory), None)
    if kind is not None:
        raise CheckpointError(
            f"{directory} is a {kind} repack of the weights, which is not read here; "
            "mula pull heartmula --into DIR fetches the published ones, and --precision int8 or "
            "int4 makes them as small"
        )


def _repacks(directory: Path) -> Iterator[str]:
    if any(each.suffix.lower() == ".gguf" for each in directory.glob("[!.]*")):
        yield "GGUF"
    if (directory / "config.json").is_file():
        values = read_json(directory / "config.json")
        packed = values.get("quantization_config") or values.get("quantization")
        if isinstance(packed, dict):
            kind = packed.get("bnb_4bit_quant_type") or packed.get("quant_method") or "MLX"
            if packed.get("load_in_8bit"):
                kind = "8-bit bitsandbytes"
            yield str(kind).upper()
    for path in sorted(directory.glob("*.safetensors")):
        if path.name.startswith(".") or not path.is_file():
            continue
        header = _of_file(path, lambda path=path: tensors_of(path))  # type: ignore[misc]
        for ending, kind in _REPACKS:
            if any(key.endswith(ending) for key in header):
                yield kind
        for key, row in header.items():
            if key.endswith(".weight") and row.get("dtype") not in _FLOATS:
                yield f"quantised ({row.get('dtype')})"


def _of_file(path: Path, read: Callable[[], Any]) -> Any:
    """What ``read`` gives. Raises `CheckpointError` for what it raises."""
    try:
        return read()
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror or error}); see to its disk and your rights, "
            f"or delete it, and {REMEDY}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from error
