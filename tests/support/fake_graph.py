"""A fake CUDA graph on the CPU: what it replays is as frozen as the real one's.

Recording notes every operation with the very tensors it read and made; replaying does them again
on those tensors and nothing else. A Python number, branch or new tensor that should have changed
from frame to frame stays as it was recorded, so a step that would go wrong as a CUDA graph goes
wrong here as well.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class FakeGraph(TorchDispatchMode):
    """Notes operations while it is active, and does them again with `replay`."""

    def __init__(self) -> None:
        super().__init__()
        self._noted: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []
        self.replays = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        self._noted.append((func, args, kwargs or {}, made))
        return made

    @torch.inference_mode()
    def replay(self) -> None:
        self.replays += 1
        for func, args, kwargs, made in self._noted:
            again = func(*args, **kwargs)
            for old, new in zip(tree_leaves(made), tree_leaves(again), strict=True):
                if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)  # a view is of the same memory as ever


class FakeRecorder:
    """Records `FakeGraph`s; ``graphs`` are all there are."""

    def __init__(self) -> None:
        self.graphs: list[FakeGraph] = []

    def __call__(self, work: Callable[[], None]) -> Callable[[], None]:
        graph = FakeGraph()
        with torch.inference_mode(), graph:
            work()
        self.graphs.append(graph)
        return graph.replay
