"""A call that is made later, once."""

from __future__ import annotations

import asyncio

from mula_bridge.net.loop_timer import LoopTimer


def test_it_calls_once_however_often_it_is_asked_and_again_afterwards() -> None:
    calls: list[float] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        timer = LoopTimer(lambda: calls.append(loop.time()))
        for _ in range(3):
            timer.call_in(0.01)
        await asyncio.sleep(0.05)
        timer.call_in(0.01)
        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert len(calls) == 2


def test_what_is_cancelled_is_not_called_and_can_be_asked_for_again() -> None:
    calls: list[str] = []

    async def run() -> None:
        timer = LoopTimer(lambda: calls.append("called"))
        timer.cancel()
        timer.call_in(30.0)
        timer.cancel()
        timer.call_in(0.01)
        await asyncio.sleep(0.05)

    asyncio.run(run())
    assert calls == ["called"]
