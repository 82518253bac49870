"""What waits for a websocket."""

from __future__ import annotations

import asyncio

from mula_bridge.servers.oscquery.client import MAX_QUEUE, Client


def test_a_slow_client_loses_the_oldest_and_it_is_counted() -> None:
    async def fill() -> Client:
        client = Client(("127.0.0.1", 1))
        for number in range(MAX_QUEUE + 10):
            client.put(str(number))
        return client

    client = asyncio.run(fill())
    assert client.dropped == 10
    assert len(client.waiting) == MAX_QUEUE
    assert client.waiting[0] == "10"
