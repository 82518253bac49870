"""The checker of stream order finds what a card would do wrong, and nothing in what is right."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from support.stream_order import PretendedCard

Work = Callable[[PretendedCard], object]


@pytest.fixture
def card() -> Iterator[PretendedCard]:
    with PretendedCard() as card:
        yield card


def aside() -> torch.cuda.Stream:
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


def written_aside(stream: torch.cuda.Stream) -> Tensor:
    with torch.cuda.stream(stream):
        return torch.ones(4, device="cuda")


def reads_without_waiting(_: PretendedCard) -> None:
    stream = aside()
    x = written_aside(stream)
    _keep(x + 1)
    torch.cuda.synchronize()


def writes_without_waiting(_: PretendedCard) -> None:
    x, stream = torch.ones(4, device="cuda"), aside()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        _keep(x + 1)
    x.zero_()
    torch.cuda.synchronize()


def frees_too_early(_: PretendedCard) -> None:
    x, stream = torch.ones(4, device="cuda"), aside()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        y = x + 1
    del x
    torch.cuda.synchronize()
    del y


def changes_what_is_copied(_: PretendedCard) -> None:
    host = torch.ones(4, pin_memory=True)
    _keep(host.to("cuda", non_blocking=True))
    host.zero_()
    torch.cuda.synchronize()


def changes_what_is_copied_through_numpy(_: PretendedCard) -> None:
    host = torch.ones(4, pin_memory=True)
    seen = host.numpy()
    _keep(host.to("cuda", non_blocking=True))
    seen[:] = 0
    torch.cuda.synchronize()


def looks_too_early(_: PretendedCard) -> None:
    host = torch.empty(4, pin_memory=True)
    host.copy_(torch.ones(4, device="cuda"), non_blocking=True)
    _keep(host.numpy().copy())
    torch.cuda.synchronize()


def mixes_devices(_: PretendedCard) -> None:
    _keep(torch.ones(4, device="cuda") + torch.ones(4))


def records_a_copy_from_pageable_memory(_: PretendedCard) -> None:
    x, host = torch.zeros(4, device="cuda"), torch.ones(4)
    with torch.cuda.graph(torch.cuda.CUDAGraph()):
        x.copy_(host)


def replays_on_memory_that_is_gone(_: PretendedCard) -> None:
    graph, x = torch.cuda.CUDAGraph(), torch.zeros(4, device="cuda")
    with torch.cuda.graph(graph):
        x.add_(1)
    del x
    graph.replay()


def replays_a_copy_from_pinned_memory_that_is_gone(_: PretendedCard) -> None:
    graph, x = torch.cuda.CUDAGraph(), torch.zeros(4, device="cuda")
    with torch.cuda.graph(graph):
        x.copy_(torch.ones(4).pin_memory(), non_blocking=True)
    graph.replay()
    torch.cuda.synchronize()


def replays_beside_another_of_its_pool(_: PretendedCard) -> None:
    pool, graphs = torch.cuda.graph_pool_handle(), []
    for _graph in range(2):
        graph, x = torch.cuda.CUDAGraph(), torch.ones(4, device="cuda")
        with torch.cuda.graph(graph, pool=pool):
            x.add_(1)
        graphs.append((graph, x))
    torch.cuda.synchronize()
    graphs[0][0].replay()
    with torch.cuda.stream(aside()):
        graphs[1][0].replay()
    torch.cuda.synchronize()


def replays_beside_another_recorded_on_the_same_stream(_: PretendedCard) -> None:
    graphs = []
    for _graph in range(2):
        graph, x = torch.cuda.CUDAGraph(), torch.ones(4, 4, device="cuda")
        with torch.cuda.graph(graph):
            y = x @ x  # cuBLAS has a workspace for each stream
        graphs.append((graph, x, y))
    torch.cuda.synchronize()
    graphs[0][0].replay()
    with torch.cuda.stream(aside()):
        graphs[1][0].replay()
    torch.cuda.synchronize()


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (reads_without_waiting, "read before it is written"),
        (writes_without_waiting, "written while in use"),
        (frees_too_early, "freed while in use"),
        (changes_what_is_copied, "changed by the host while in use"),
        (changes_what_is_copied_through_numpy, "changed by the host while in use"),
        (looks_too_early, "read by the host before it is written"),
        (mixes_devices, "tensors of two devices"),
        (records_a_copy_from_pageable_memory, "wait while recording"),
        (replays_on_memory_that_is_gone, "replayed when it is gone"),
        (replays_a_copy_from_pinned_memory_that_is_gone, "replayed when it is gone"),
        (replays_beside_another_of_its_pool, "written while in use"),
        (replays_beside_another_recorded_on_the_same_stream, "written while in use"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_is_wrong_is_found(card: PretendedCard, wrong: Work, fault: str) -> None:
    wrong(card)
    assert {found.partition(":")[0] for found in card.clocks.faults} == {fault}


def waits_for_the_stream(_: PretendedCard) -> None:
    stream = aside()
    x = written_aside(stream)
    torch.cuda.current_stream().wait_stream(stream)
    _keep(x + 1)
    torch.cuda.synchronize()


def waits_for_an_event(_: PretendedCard) -> None:
    stream = aside()
    x = written_aside(stream)
    torch.cuda.current_stream().wait_event(stream.record_event())
    _keep(x + 1)
    torch.cuda.synchronize()


def waits_on_the_host(_: PretendedCard) -> None:
    stream = aside()
    x = written_aside(stream)
    stream.synchronize()
    _keep(x + 1)
    torch.cuda.synchronize()


def tells_the_allocator(_: PretendedCard) -> None:
    x, stream = torch.ones(4, device="cuda"), aside()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        y = x + 1
    x.record_stream(stream)
    del x
    torch.cuda.synchronize()
    del y


def looks_when_it_is_there(_: PretendedCard) -> None:
    host = torch.empty(4, pin_memory=True)
    host.copy_(torch.ones(4, device="cuda"), non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    event.synchronize()
    assert host.tolist() == [1, 1, 1, 1]


def views_what_is_in_the_making(_: PretendedCard) -> None:
    stream = aside()
    x = written_aside(stream)
    y = x[1:].view(-1).reshape(3, 1).mT
    torch.cuda.current_stream().wait_stream(stream)
    _keep(y + 1)
    torch.cuda.synchronize()


@pytest.mark.parametrize(
    "right",
    [
        waits_for_the_stream,
        waits_for_an_event,
        waits_on_the_host,
        tells_the_allocator,
        looks_when_it_is_there,
        views_what_is_in_the_making,
    ],
    ids=lambda work: work.__name__,
)
def test_what_is_right_is_left_alone(card: PretendedCard, right: Work) -> None:
    right(card)
    assert not card.clocks.faults


@pytest.mark.parametrize(
    ("work", "wait"),
    [
        (lambda x: x.copy_(torch.ones(4)), "pageable copy"),
        (lambda x: x.copy_(torch.ones(4), non_blocking=True), "pageable copy"),
        (lambda x: torch.tensor([1, 2], device="cuda"), "pageable copy"),
        (lambda x: x.cpu(), "read"),
        (lambda x: float(x[0]), "_local_scalar_dense"),
        (lambda x: x[x > 1], "index by mask"),
        (lambda x: x.copy_(torch.ones(4, pin_memory=True)), "copy"),
        (lambda x: torch.cuda.synchronize(), "synchronize"),
    ],
    ids=["copy", "non_blocking", "tensor", "cpu", "number", "mask", "pinned", "synchronize"],
)
def test_each_wait_of_the_host_is_noted(
    card: PretendedCard, work: Callable[[Tensor], object], wait: str
) -> None:
    work(torch.zeros(4, device="cuda"))
    assert [what for what, *_ in card.clocks.waits] == [wait]


def test_what_only_queues_work_keeps_nobody_waiting(card: PretendedCard) -> None:
    x = torch.zeros(4, device="cuda")
    x.fill_(2)
    x[0] = 3
    x.copy_(torch.ones(4).pin_memory(), non_blocking=True)
    x[torch.zeros(1, dtype=torch.int64, device="cuda")] = 1
    assert not card.clocks.waits
    assert not card.clocks.faults


def test_a_pinned_copy_has_not_arrived_before_it_is_waited_for(card: PretendedCard) -> None:
    host = torch.empty(4, pin_memory=True)
    seen = host.numpy()
    host.copy_(torch.ones(4, device="cuda"), non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record()
    assert (seen != 1).all()
    assert not event.query()  # type: ignore[no-untyped-call]
    assert event.query()  # type: ignore[no-untyped-call]
    assert (seen == 1).all()


def test_a_graph_does_its_work_again_where_it_is_replayed(card: PretendedCard) -> None:
    graph, x = torch.cuda.CUDAGraph(), torch.zeros(4, device="cuda")
    torch.cuda.synchronize()
    with torch.cuda.graph(graph, stream=aside()):
        y = torch.zeros(4, device="cuda")
        x.add_(y.add_(1))
    x.zero_()
    graph.replay()
    graph.replay()
    assert x.tolist() == [2, 2, 2, 2]
    assert not card.clocks.faults


def test_no_trace_of_the_card_is_left() -> None:
    with PretendedCard():
        x = torch.ones(4, device="cuda")
        assert x.device.type == "cuda"
        assert x.is_cuda
        assert torch.cuda.is_available()
    assert x.device.type == "cpu"
    assert torch.Generator().device.type == "cpu"
    assert torch.cuda.Stream.__module__.startswith("torch")


_KEPT: list[object] = []


def _keep(x: object) -> None:
    """Have it outlive what is under test."""
    _KEPT[:] = [x]
